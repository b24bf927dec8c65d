"""Copies of files that may be large: as fast as the system can, and given up when nobody waits any more."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from io import FileIO

CHUNK = 32 * 1024 * 1024
"""Bytes that the kernel copies between two looks at go_on(); it may share them instead, and takes no time."""
_BUFFER = 1024 * 1024
_END = 1 << 62
_ITS_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
"""Errors that are no word on copying in the kernel: whoever does it meets them."""

GoOn = Callable[[], bool]


def copy(source: str, target: str, go_on: GoOn) -> None:
    """Copy a regular file with its mode and times; what is a hole in it stays one.

    OSError; InterruptedError once go_on() says no, with a part of the file in `target`.
    """
    with open(source, "rb", buffering=0, opener=_open) as reader, open(target, "wb", buffering=0) as writer:
        found = os.fstat(reader.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{source} is no file any more")
        copying = _Copying(reader, writer, go_on)
        for begin, end in _parts(reader.fileno()):
            copying.part(begin, end)
        if copying.reached < found.st_size:
            writer.truncate(found.st_size)  # it ends with a hole
        elif not copying.reached:
            copying.part(0, _END)  # one that does not tell its size, as the kernel's own
    shutil.copystat(source, target)


def takes(found: os.stat_result) -> int:
    """Bytes that a copy of a file takes on a disk."""
    return min(found.st_size, getattr(found, "st_blocks", _END) * 512)


def _open(path: str, flags: int) -> int:
    # A named pipe that takes the file's place must not be waited for.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _parts(descriptor: int) -> Iterator[tuple[int, int]]:
    """Begin and end of what is no hole; one part to the end where the file system does not tell."""
    data, hole, end = getattr(os, "SEEK_DATA", None), getattr(os, "SEEK_HOLE", None), 0
    while data is not None and hole is not None:
        try:
            begin = os.lseek(descriptor, end, data)
            end = os.lseek(descriptor, begin, hole)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # no data behind this place
            break
        yield begin, end
    yield end, _END


class _Copying:
    """One copy on its way."""

    def __init__(self, reader: FileIO, writer: FileIO, go_on: GoOn) -> None:
        self._reader = reader
        self._writer = writer
        self._go_on = go_on
        self._by_kernel = hasattr(os, "copy_file_range")
        self.reached = 0
        """Where the last byte was written, plus 1."""

    def part(self, begin: int, end: int) -> None:
        """Copy what lies between two places, or as much as there is of it."""
        while begin < end:
            if not self._go_on():
                raise InterruptedError
            taken = self._kernels(begin, end) or self._ours(begin, end)
            if not taken:
                return
            begin += taken
            self.reached = begin

    def _kernels(self, begin: int, end: int) -> int:
        """How many bytes the kernel has copied; 0: none, and none of the file any more."""
        if not self._by_kernel:
            return 0
        reader, writer, count = self._reader.fileno(), self._writer.fileno(), min(CHUNK, end - begin)
        taken = 0
        try:
            taken = os.copy_file_range(reader, writer, count, begin, begin)
        except OSError as error:
            if error.errno in _ITS_DISKS:
                raise
        self._by_kernel = taken > 0
        return taken

    def _ours(self, begin: int, end: int) -> int:
        self._reader.seek(begin)
        data = memoryview(self._reader.read(min(_BUFFER, end - begin)) or b"")
        self._writer.seek(begin)
        written = 0
        while written < len(data):
            written += self._writer.write(data[written:]) or 0
        return written
