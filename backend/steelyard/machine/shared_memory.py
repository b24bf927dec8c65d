"""Files in /dev/shm that no process uses any more: they are memory, and stay in it until they are removed.

A run that is killed may leave them: arrays that it shared between processes, semaphores, segments of MPI.
The looks take a while (all processes are asked), so never look from the event loop.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

FOLDER = "/dev/shm"
MOST = 10_000
"""Files that are looked at; a folder that holds more is not looked through to its end."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A file that is mapped by no process and open in none."""

    path: str
    bytes: int


def unused(since: float = 0.0, folder: str = FOLDER) -> list[Unused]:
    """Those of this user that were made or changed after a wall clock (Unix s), the largest first.

    What processes of other users have open cannot be seen. Empty where there is no such folder.
    """
    if sys.platform != "linux":
        return []
    found = {path: size for path, size in _files(folder, since)}
    if found:
        # Only now: it reads something of each process.
        for path in _in_use(folder):
            found.pop(path, None)
    # One that has gone meanwhile was in use a moment ago.
    left = [Unused(path, size) for path, size in found.items() if os.path.lexists(path)]
    return sorted(left, key=lambda one: (-one.bytes, one.path))


def _files(folder: str, since: float) -> Iterator[tuple[str, int]]:
    seen = 0
    for place, _, names in os.walk(folder):
        for name in names:
            seen += 1
            if seen > MOST:
                return
            path = os.path.join(place, name)
            with suppress(OSError):
                found = os.lstat(path)
                # Its mode may have been changed later, or its time set back: the earlier is the safer.
                made = min(found.st_mtime, found.st_ctime)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and made >= since:
                    # What it takes, which for a file with holes is less than its length.
                    yield path, found.st_blocks * 512


def _in_use(folder: str) -> Iterator[str]:
    """The files there that a process has mapped or open, as far as we may see it."""
    inside = os.path.join(folder, "").encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{pid}/maps", "rb") as maps:
            for line in maps:
                at = line.find(inside)
                if at >= 0:
                    yield os.fsdecode(line[at:].rstrip(b"\n"))
        with suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{number}")
                    if target.startswith(os.fsdecode(inside)):
                        yield target
