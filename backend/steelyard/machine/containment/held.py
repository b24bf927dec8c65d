"""What a living process holds in memory: the worker decides by it whether one may stay between two runs."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform == "win32":
    from steelyard.machine.containment.windows_job import memory_of
    from steelyard.machine.process_table.windows import QUERY, kernel32

    def held(pid: int) -> int | None:
        """Bytes of one process now, resident or committed, the larger; None if that cannot be told."""
        handle = kernel32.OpenProcess(QUERY, False, pid)
        if not handle:
            return None
        try:
            memory = memory_of(handle)
            return max(int(memory.working_set), int(memory.pagefile)) if memory else None
        finally:
            kernel32.CloseHandle(handle)

elif sys.platform == "darwin":
    import ctypes

    _PROC_PIDTASKINFO = 4
    _libproc = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)

    def held(pid: int) -> int | None:
        """Resident bytes of one process now; None if that cannot be told."""
        # struct proc_taskinfo: virtual size, resident size, and ten words more.
        info = (ctypes.c_uint64 * 12)()
        size = ctypes.sizeof(info)
        told = _libproc.proc_pidinfo(pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), ctypes.byref(info), size)
        return int(info[1]) if told == size else None

else:

    def held(pid: int) -> int | None:
        """Resident bytes of one process now; None if that cannot be told."""
        return _status(pid, b"VmRSS:")


def most_held(pid: int) -> int | None:
    """The most resident bytes since the process began, or since forget_most(). None but on Linux."""
    return _status(pid, b"VmHWM:") if sys.platform == "linux" else None


def forget_most(pid: int) -> bool:
    """Let most_held() begin anew; False where the system cannot (proc(5), clear_refs)."""
    if sys.platform == "linux":
        with suppress(OSError), open(f"/proc/{pid}/clear_refs", "wb", buffering=0) as file:
            return file.write(b"5") == 1
    return False


def _status(pid: int, name: bytes) -> int | None:
    with suppress(OSError), open(f"/proc/{pid}/status", "rb", buffering=0) as file:
        for line in file.read(4096).splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None
