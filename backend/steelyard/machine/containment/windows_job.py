"""The Job Object that this process is in, and what Windows counts of all that was ever in it.

containment.windows and containment.held enter here.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

assert sys.platform == "win32"

from steelyard.machine.process_table.windows import kernel32  # noqa: E402

_ACCOUNTING, _PROCESS_IDS, _EXTENDED_LIMITS = 1, 3, 9
_KILL_ON_CLOSE = 0x2000
_MOST = 4096

psapi = ctypes.WinDLL("psapi")
kernel32.CreateJobObjectW.restype = wintypes.HANDLE
kernel32.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
kernel32.GetCurrentProcess.restype = wintypes.HANDLE
kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
kernel32.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
kernel32.QueryInformationJobObject.argtypes = (
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
)

# The job that this process is in and whose only handle it holds; empty until join().
_job: list[int] = []


class _Accounting(ctypes.Structure):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION; times in 100 ns."""

    _fields_ = (
        ("user_time", ctypes.c_int64),
        ("kernel_time", ctypes.c_int64),
        ("period_user_time", ctypes.c_int64),
        ("period_kernel_time", ctypes.c_int64),
        ("page_faults", wintypes.DWORD),
        ("processes", wintypes.DWORD),
        ("active", wintypes.DWORD),
        ("terminated", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, the nested structures written out."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", wintypes.DWORD),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("processes", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority", wintypes.DWORD),
        ("scheduling", wintypes.DWORD),
        ("io", ctypes.c_ulonglong * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class _ProcessIds(ctypes.Structure):
    """JOBOBJECT_BASIC_PROCESS_ID_LIST with room for _MOST."""

    _fields_ = (
        ("assigned", wintypes.DWORD),
        ("listed", wintypes.DWORD),
        ("pids", ctypes.c_size_t * _MOST),
    )


class MemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS; pagefile is what the process has committed for itself (PrivateUsage)."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("faults", wintypes.DWORD),
        ("peak_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
        ("quotas", ctypes.c_size_t * 4),
        ("pagefile", ctypes.c_size_t),
        ("peak_pagefile", ctypes.c_size_t),
    )


psapi.GetProcessMemoryInfo.argtypes = (wintypes.HANDLE, ctypes.POINTER(MemoryCounters), wintypes.DWORD)


def join() -> None:
    """Put this process into a job of its own that ends everything in it with the last handle, which is ours.

    Raises OSError where Windows refuses.
    """
    if _job:
        return
    job = kernel32.CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.flags = _KILL_ON_CLOSE
    if (
        not job
        or not kernel32.SetInformationJobObject(
            job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        or not kernel32.AssignProcessToJobObject(job, kernel32.GetCurrentProcess())
    ):
        raise ctypes.WinError(ctypes.get_last_error())
    _job.append(job)


def is_joined() -> bool:
    """Whether join() was done."""
    return bool(_job)


def members() -> list[int]:
    """The pids in our job, our own among them; none before join()."""
    if not _job:
        return []
    listed = _ProcessIds()
    _query(_PROCESS_IDS, listed)
    return [int(pid) for pid in listed.pids[: listed.listed]]


def totals() -> tuple[float, int] | None:
    """The CPU seconds of all that was ever in the job, and the most bytes committed at once (0: unknown),
    we ourselves among it; None before join().
    """
    accounting, limits = _Accounting(), _ExtendedLimits()
    if not _job or not _query(_ACCOUNTING, accounting):
        return None
    seconds = (accounting.user_time + accounting.kernel_time) / 1e7
    return seconds, int(limits.peak_job_memory) if _query(_EXTENDED_LIMITS, limits) else 0


def memory_of(handle: int) -> MemoryCounters | None:
    """What one process holds and held; None if that cannot be told."""
    counters = MemoryCounters()
    counters.size = ctypes.sizeof(counters)
    known = psapi.GetProcessMemoryInfo(handle, ctypes.byref(counters), counters.size)
    return counters if known else None


def _query(kind: int, into: ctypes.Structure) -> bool:
    # A list that is longer than its room is cut, and said to have failed.
    size = ctypes.sizeof(into)
    return bool(kernel32.QueryInformationJobObject(_job[0], kind, ctypes.byref(into), size, None))
