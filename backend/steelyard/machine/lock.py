"""The lock on a data directory: one sidecar each, for the life of its process.

The kernel keeps it, so it ends with the process however that ends; what the file says is only a hint.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from steelyard.machine.private_files import FILE_MODE

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        # Far behind the content: a locked byte on Windows cannot even be read by others.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class HeldElsewhere(Exception):
    """Another process has the lock; pid is what it wrote into the file, None if that cannot be read."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"held by process {pid}" if pid else "held by another process")
        self.pid = pid


class Lock:
    """A lock that is held. Nothing but close(), or the end of the process, gives it back."""

    def __init__(self, descriptor: int) -> None:
        # A plain descriptor: a file object would be closed, and the lock lost, with the last reference to it.
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> Lock:
        """Takes the lock at path and writes this process's PID into it. HeldElsewhere, OSError."""
        # Not inherited by children (O_CLOEXEC, PEP 446): a worker that outlives us must not hold our lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
        try:
            if not _try_lock(descriptor):
                os.lseek(descriptor, 0, os.SEEK_SET)
                raise HeldElsewhere(_pid_in(os.read(descriptor, 32)))
            if sys.platform != "win32":
                os.fchmod(descriptor, FILE_MODE)
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, b"%d\n" % os.getpid())
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def close(self) -> None:
        """Gives the lock back. The file stays: removing it would let two processes lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pid_in(content: bytes) -> int | None:
    text = content.strip()
    return int(text) if text.isdigit() and len(text) < 12 else None
