"""What a living process holds in memory: the worker decides by it whether one may stay between two runs."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform == "win32":
    from steelyard.machine.containment.windows_job import memory_of
    from steelyard.machine.process_table.windows import QUERY, kernel32

    def held(pid: int) -> int | None:
        """Bytes that one process has committed for itself; None if that cannot be told."""
        handle = kernel32.OpenProcess(QUERY, False, pid)
        if not handle:
            return None
        try:
            memory = memory_of(handle)
            return int(memory.pagefile) if memory else None
        finally:
            kernel32.CloseHandle(handle)

elif sys.platform == "darwin":
    from steelyard.machine.process_table.macos import footprint

    def held(pid: int) -> int | None:
        """Bytes of one process now, without pages of files; None if that cannot be told."""
        return footprint(pid)

else:

    def held(pid: int) -> int | None:
        """Bytes of one process now, swapped out ones too, without pages of files; None if that cannot be
        told.
        """
        return _status(pid, b"RssAnon:", b"RssShmem:", b"VmSwap:")


def most_held(pid: int) -> int | None:
    """The most resident bytes since the process began, or since forget_most(), with pages of files. None but
    on Linux.
    """
    return _status(pid, b"VmHWM:") if sys.platform == "linux" else None


def forget_most(pid: int) -> bool:
    """Let most_held() begin anew; False where the system cannot (proc(5), clear_refs)."""
    if sys.platform == "linux":
        with suppress(OSError), open(f"/proc/{pid}/clear_refs", "wb", buffering=0) as file:
            return file.write(b"5") == 1
    return False


def _status(pid: int, *names: bytes) -> int | None:
    """The sum of some figures of a process; None without any (before Linux 4.5), or if it is gone."""
    with suppress(OSError), open(f"/proc/{pid}/status", "rb", buffering=0) as file:
        lines = [line.split() for line in file.read(4096).splitlines() if line.startswith(names)]
        return sum(int(line[1]) * 1024 for line in lines) if lines else None
    return None
