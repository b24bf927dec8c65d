"""The worker's own log: its start, what it ran and how that ended, errors, a failed task's last lines."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from steelyard.machine.clocks import Clocks
from steelyard.machine.logs import RotatingFile


class Journal:
    """Lines with a UTC time: to a file that rotates, before it is open to standard error."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._file: RotatingFile | None = None

    def open(self, path: str, limit: int, backups: int) -> None:
        """From now on the file at path, through descriptor 2, so that tracebacks go there too."""
        self._file = RotatingFile(path, limit, backups, descriptor=2)

    def write(self, text: str) -> None:
        """One entry; further lines of it are indented. Never raises for a full disk."""
        now = self._clocks.wall()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
        lines = text.splitlines() or [""]
        entry = f"{stamp} {lines[0]}\n" + "".join(f"    {line}\n" for line in lines[1:])
        data = entry.encode("utf-8", "replace")
        if self._file is not None:
            self._file.write(data)
        else:
            with suppress(OSError):
                os.write(2, data)
