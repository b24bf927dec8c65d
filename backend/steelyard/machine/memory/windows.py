"""Windows: physical memory and commit charge. An allocation fails on the commit limit, not on RAM.

The commit limit is RAM plus page files; what is reserved counts against it, touched or not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from steelyard.machine.memory.reading import MemoryReading, Pressure

WARNING_COMMIT = 0.10
"""Share of the commit limit that is still free: below it `warning`."""

CRITICAL_COMMIT = 0.05
"""Below this share `critical`: Windows grows the page file if it can, and programs fail if it cannot."""


class MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of <sysinfoapi.h>; sizes in bytes."""

    _fields_ = (
        ("dwLength", ctypes.c_uint32),
        ("dwMemoryLoad", ctypes.c_uint32),
        ("ullTotalPhys", ctypes.c_uint64),
        ("ullAvailPhys", ctypes.c_uint64),
        ("ullTotalPageFile", ctypes.c_uint64),
        ("ullAvailPageFile", ctypes.c_uint64),
        ("ullTotalVirtual", ctypes.c_uint64),
        ("ullAvailVirtual", ctypes.c_uint64),
        ("ullAvailExtendedVirtual", ctypes.c_uint64),
    )


def memory_status() -> MemoryStatus:
    """GlobalMemoryStatusEx. OSError if it fails."""
    status = MemoryStatus(dwLength=ctypes.sizeof(MemoryStatus))
    # getattr: these names exist on Windows only, and this file is type-checked and tested everywhere.
    kernel = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise getattr(ctypes, "WinError")(getattr(ctypes, "get_last_error")())  # noqa: B009
    return status


def probe(status: Callable[[], MemoryStatus] = memory_status) -> MemoryReading:
    """The memory now: the smaller of what is physically free and what may still be committed.

    What may still be committed includes the page file, so there is no swap of its own to tell of. The "page
    file" fields are, in spite of their names, the commit limit of the system or of this process
    (a job's limit), whichever is smaller.
    """
    now = status()
    total = min(now.ullTotalPhys, now.ullTotalPageFile) or now.ullTotalPhys
    available = min(now.ullAvailPhys, now.ullAvailPageFile, total)
    pressure = _pressure(now.ullAvailPageFile, now.ullTotalPageFile)
    return MemoryReading(total, available, pressure, windows=True)


def _pressure(free: int, limit: int) -> Pressure:
    if free < CRITICAL_COMMIT * limit:
        return "critical"
    return "warning" if free < WARNING_COMMIT * limit else "normal"
