"""Process trees on Windows: Job Objects. A job knows every process that was ever born into it, whoever its
parent is, and ends them all when its last handle closes: that is when we end, however we end.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from ctypes import wintypes

from steelyard.machine import identity, process_table
from steelyard.machine.containment.ending import Ending

assert sys.platform == "win32"

from steelyard.machine.process_table.windows import QUERY, kernel32  # noqa: E402

WITHIN = 5.0
"""Seconds that ending a tree may take."""

_TERMINATE, _SUSPEND_RESUME = 0x0001, 0x0800
_EXTENDED_LIMITS, _PROCESS_IDS = 9, 3
_KILL_ON_CLOSE = 0x2000
_STILL_ACTIVE_ROUNDS = 20
_MOST = 4096
_CONSOLE_HOST = "conhost.exe"
_NOBODY: frozenset[int] = frozenset()

_ntdll = ctypes.WinDLL("ntdll")
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
kernel32.TerminateProcess.argtypes = (wintypes.HANDLE, wintypes.UINT)
_ntdll.NtSuspendProcess.argtypes = (wintypes.HANDLE,)
_ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)

# The job that this process is in and whose only handle it holds; empty until leave_no_one().
_job: list[int] = []
_suspended: set[tuple[int, str]] = set()


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
    """PROCESS_MEMORY_COUNTERS."""

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


def leave_no_one() -> None:
    """Join a job that ends everything in it when this process ends. Raises OSError where Windows refuses.

    Sidecar and agent each have one, the agent's inside the sidecar's (nested jobs: Windows 8 and later).
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


def become_subreaper() -> bool:
    """Whether orphans are found: the job lists them."""
    return bool(_job)


def die_with_parent(signal_number: int) -> None:
    """Nothing to do: the parent's job sees to it."""


def task_options(*, low_priority: bool = False) -> dict[str, object]:
    """Popen keywords for a task's first process: no console window, its own group.

    low_priority: other programs go first; what it starts inherits that.
    """
    # The frozen program's loader changed where libraries are looked for, and children inherit that.
    kernel32.SetDllDirectoryW(None)
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    if low_priority:
        flags |= subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return {"creationflags": flags, "close_fds": True}


def worker_options() -> dict[str, object]:
    """Popen (and asyncio.create_subprocess_exec) keywords for an agent."""
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return {"creationflags": flags, "close_fds": True}


def descendants(pid: int) -> list[int]:
    """The pids of all living generations below a process; below ourselves also the orphans of our job."""
    return [entry.pid for entry in _below(pid, _NOBODY)]


def end_tree(pid: int, *, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """End a process and all below it in a loop until none lives; how many that were.

    Those in keep and all below them are left alone, the process itself never is.
    """
    if pid == os.getpid():
        return end_descendants(keep=keep, within=within)
    return _end(pid, keep - {pid}, within)


def end_descendants(*, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """End all below this process, orphans included, but those in keep and all below them; how many."""
    return _end(os.getpid(), keep, within)


def end_known(pid: int, known_identity: str, executable: str | None = None) -> bool:
    """End the tree of a process recorded by an earlier run; False, and nothing ended, if it is another."""
    if pid == os.getpid() or not identity.is_same(pid, known_identity):
        return False
    if executable is not None and process_table.executable(pid) != executable:
        return False
    end_tree(pid)
    return True


def ask_to_stop(pid: int) -> None:
    """Nothing that a program without a window would notice: here the stop file alone asks."""


def suspend_tree(pid: int) -> int:
    """Suspend a process (not ourselves) and all below it until nobody new is found; how many."""
    found: set[tuple[int, str]] = set()
    for _ in range(_STILL_ACTIVE_ROUNDS):
        # NtSuspendProcess counts: once for each, or one resume would not be enough.
        new = [(each.pid, each.identity) for each in _with_root(pid)]
        new = [each for each in new if each not in _suspended]
        if not new:
            break
        for each in new:
            if _with_handle(each[0], _SUSPEND_RESUME, _ntdll.NtSuspendProcess):
                _suspended.add(each)
                found.add(each)
    return len(found)


def resume_tree(pid: int) -> int:
    """Let run on what suspend_tree() suspended; how many that were."""
    count = 0
    for each in [each for each in _suspended if identity.is_same(*each)]:
        count += _with_handle(each[0], _SUSPEND_RESUME, _ntdll.NtResumeProcess)
    _suspended.clear()
    return count


def collect(process: subprocess.Popen[bytes]) -> Ending | None:
    """The exit code of a child, without waiting; None while it lives. There are no signals."""
    code = process.poll()
    if code is None:
        return None
    # The handle keeps the figures of an ended process.
    handle = int(process._handle)  # type: ignore[attr-defined]
    counters = MemoryCounters()
    counters.size = ctypes.sizeof(counters)
    known = psapi.GetProcessMemoryInfo(handle, ctypes.byref(counters), counters.size)
    created, exited, kernel, user = (wintypes.FILETIME() for _ in range(4))
    times = [ctypes.byref(each) for each in (created, exited, kernel, user)]
    cpu = None
    if kernel32.GetProcessTimes(handle, *times):
        cpu = sum((each.dwHighDateTime << 32) + each.dwLowDateTime for each in (kernel, user)) / 1e7
    return Ending(code, None, int(counters.peak_working_set) if known else None, cpu)


def reap_orphans(keep: frozenset[int]) -> int:
    """Nothing to do: there are no zombies here."""
    return 0


def _end(pid: int, keep: frozenset[int], within: float) -> int:
    deadline = time.monotonic() + within
    marked: set[tuple[int, str]] = set()
    while True:
        root = process_table.entry(pid) if pid != os.getpid() else None
        # The parent goes last: once it is gone, only the job still knows its children.
        living = [*_below(pid, keep), *([root] if root is not None and not root.ended else [])]
        for each in living:
            if _with_handle(each.pid, _TERMINATE, lambda handle: not kernel32.TerminateProcess(handle, 1)):
                marked.add((each.pid, each.identity))
        if time.monotonic() > deadline or not (living or any(identity.is_same(*each) for each in marked)):
            return len(marked)
        time.sleep(0.005)


def _below(pid: int, keep: frozenset[int]) -> list[process_table.Entry]:
    entries = {each.pid: each for each in process_table.entries() if not each.ended}
    children: dict[int, list[int]] = {}
    for each in entries.values():
        children.setdefault(each.parent, []).append(each.pid)
    kept = set(keep)
    if pid == os.getpid():
        # An orphan names a parent that is gone: the job has it all the same.
        for kin in _in_job():
            if kin in entries and kin != pid and entries[kin].parent not in entries:
                children.setdefault(pid, []).append(kin)
    found: list[process_table.Entry] = []
    todo, seen = [pid], {pid}
    while todo:
        parent = todo.pop()
        for child in children.get(parent, ()):
            # A pid that was used again has "children" that are older than it.
            older = parent in entries and int(entries[child].identity) < int(entries[parent].identity)
            if child in seen or child in kept or (older and entries[child].parent == parent):
                continue
            seen.add(child)
            # Windows gives each program of the console one of these, ours as well; it ends with its program.
            if os.path.basename(process_table.executable(child) or "").lower() == _CONSOLE_HOST:
                continue
            found.append(entries[child])
            todo.append(child)
    return found


def _with_root(pid: int) -> list[process_table.Entry]:
    root = process_table.entry(pid) if pid != os.getpid() else None
    return [*([root] if root is not None and not root.ended else []), *_below(pid, _NOBODY)]


def _in_job() -> list[int]:
    if not _job:
        return []
    listed = _ProcessIds()
    kernel32.QueryInformationJobObject(
        _job[0], _PROCESS_IDS, ctypes.byref(listed), ctypes.sizeof(listed), None
    )
    return [int(pid) for pid in listed.pids[: listed.listed]]


def _with_handle(pid: int, access: int, call: object) -> bool:
    """Whether the call, given a handle of the process, answered 0 (as NtSuspendProcess does on success)."""
    handle = kernel32.OpenProcess(QUERY | access, False, pid)
    if not handle:
        return False
    try:
        return callable(call) and not call(handle)
    finally:
        kernel32.CloseHandle(handle)
