"""A command of Steelyard on a pseudo-terminal, as a person has it before them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

from tests.helpers.sidecar import PATIENCE, environment

STEELYARD = [sys.executable, "-m", "steelyard"]
WIDTH = 80
CTRL_C = "\x03"
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command on a terminal of its own; what it wrote is read by a thread."""

    def __init__(self, data_dir: Path, *arguments: str, width: int = WIDTH, **more: str) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        env = environment(STEELYARD_DATA_DIR=str(data_dir), TERM="xterm-256color", **more)
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            if name not in more:
                env.pop(name, None)
        self._ours = ours
        self._written = bytearray()
        self.process = subprocess.Popen(
            [*STEELYARD, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                return
            if not data:
                return
            self._written += data

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    @property
    def text(self) -> str:
        """All that it has written."""
        return self._written.decode("utf-8", "replace").replace("\r\n", "\n")

    def ended(self) -> int:
        """Its exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(5)
        return status

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self._reader.join(5)
        os.close(self._ours)


def lines(text: str) -> list[str]:
    """What stands in each line in the end, without colours."""
    return [_ESCAPE.sub("", line).rpartition("\r")[2] for line in text.split("\n")]
