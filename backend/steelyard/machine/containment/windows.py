"""Process trees on Windows: Job Objects. A job knows every process that was ever born into it, whoever its
parent is, and ends them all when its last handle closes: that is when we end, however we end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from ctypes import wintypes

from steelyard.machine import identity, process_table
from steelyard.machine.containment.accounting import Use, used
from steelyard.machine.containment.ending import Ending
from steelyard.machine.containment.kin import NOBODY, Family, end_all
from steelyard.machine.process_table.entry import Entry

assert sys.platform == "win32"

from steelyard.machine.containment import windows_job as job  # noqa: E402
from steelyard.machine.process_table.windows import QUERY, kernel32, times_of  # noqa: E402

WITHIN = 5.0
"""Seconds that ending a tree may take."""

_TERMINATE, _SUSPEND_RESUME = 0x0001, 0x0800
_STILL_ACTIVE_ROUNDS = 20

_ntdll = ctypes.WinDLL("ntdll")
kernel32.TerminateProcess.argtypes = (wintypes.HANDLE, wintypes.UINT)
_ntdll.NtSuspendProcess.argtypes = (wintypes.HANDLE,)
_ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)

_suspended: set[tuple[int, str]] = set()


def leave_no_one() -> None:
    """Join a job that ends everything in it when this process ends. Raises OSError where Windows refuses.

    Sidecar and agent each have one, the agent's inside the sidecar's (nested jobs: Windows 8 and later).
    """
    job.join()


def become_subreaper() -> bool:
    """Whether orphans are found: the job lists them."""
    return job.is_joined()


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
    """The pids of all living generations below a process; below ourselves all that are in our job."""
    known = process_table.identity(pid)
    if known is None:
        return []
    family = Family(pid, known, is_own=pid == os.getpid())
    return [each.pid for each in family.living(*_look()) if each.pid != pid]


def end_tree(pid: int, *, keep: frozenset[int] = NOBODY, within: float = WITHIN) -> int:
    """End a process and all below it in a loop until none lives; how many that were.

    Those in keep and all below them are left alone, the process itself never is.
    """
    if pid == os.getpid():
        return end_descendants(keep=keep, within=within)
    return _end_tree(pid, None, keep, within)


def end_descendants(*, keep: frozenset[int] = NOBODY, within: float = WITHIN) -> int:
    """End all in our job, orphans included, but ourselves and those in keep with all below them; how many."""
    pid = os.getpid()
    return _end(Family(pid, process_table.identity(pid) or "0", keep=keep, is_own=True), within)


def end_orphans(keep: frozenset[int]) -> int:
    """Nothing to do: what an agent leaves is in the agent's own job, which ends with it."""
    return 0


def end_known(pid: int, known_identity: str, executable: str | None = None) -> bool:
    """End the tree of a process recorded by an earlier run; False, and nothing ended, if it is another."""
    if pid == os.getpid() or not identity.is_same(pid, known_identity):
        return False
    if executable is not None and process_table.executable(pid) != executable:
        return False
    return _end_tree(pid, known_identity, NOBODY, WITHIN) > 0


def ask_to_stop(pid: int) -> None:
    """Nothing that a program without a window would notice: here the stop file alone asks."""


def press(*, ask: bool, asked: int | None, first: int | None, above: int | None) -> None:
    """Make what lives below this process go. Nobody can be asked here: who ends by itself has the time to,
    unless large ones are to be ended, for then nobody would use it.
    """
    resume_tree(os.getpid())
    if above is not None:
        end_descendants()


def is_alone(keep: frozenset[int] = NOBODY) -> bool:
    """Whether nobody lives below this process."""
    return not descendants(os.getpid())


def suspend_tree(pid: int) -> int:
    """Suspend a process (not ourselves) and all below it until nobody new is found; how many."""
    known = process_table.identity(pid)
    if known is None:
        return 0
    found: set[tuple[int, str]] = set()
    family = Family(pid, known, is_own=pid == os.getpid())
    for _ in range(_STILL_ACTIVE_ROUNDS):
        # NtSuspendProcess counts: once for each, or one resume would not be enough.
        new = [each for each in family.living(*_look()) if (each.pid, each.identity) not in _suspended]
        if not new:
            break
        for each in new:
            with _opened(each.pid, each.identity, _SUSPEND_RESUME) as handle:
                if handle and _ntdll.NtSuspendProcess(handle) == 0:
                    _suspended.add((each.pid, each.identity))
                    found.add((each.pid, each.identity))
    return len(found)


def resume_tree(pid: int) -> int:
    """Let run on what suspend_tree() suspended; how many that were."""
    count = 0
    for each in _suspended:
        with _opened(*each, _SUSPEND_RESUME) as handle:
            count += bool(handle) and _ntdll.NtResumeProcess(handle) == 0
    _suspended.clear()
    return count


def begin_use() -> Use | None:
    """What our job has used up to now: give it to collect() to learn what was used since."""
    return _use()


def collect(process: subprocess.Popen[bytes], since: Use | None = None) -> Ending | None:
    """The exit code of a child, without waiting; None while it lives. There are no signals.

    since: what begin_use() said before the child was started.
    """
    code = process.poll()
    if code is None:
        return None
    # The handle keeps the figures of an ended process.
    handle = int(process._handle)  # type: ignore[attr-defined]
    memory = job.memory_of(handle)
    times = times_of(handle)
    peak, cpu = used(
        max(int(memory.peak_working_set), int(memory.peak_pagefile)) if memory else None,
        times.cpu_seconds if times else None,
        since,
        _use(),
    )
    return Ending(code, None, peak, cpu)


def reap_orphans(keep: frozenset[int]) -> int:
    """Nothing to do: there are no zombies here."""
    return 0


def _use() -> Use | None:
    totals = job.totals()
    if totals is None:
        return None
    cpu_seconds, peak = totals
    memory = job.memory_of(kernel32.GetCurrentProcess())
    own = int(memory.pagefile) if memory else 0
    return Use(cpu_seconds - time.process_time(), peak, own)


def _end_tree(pid: int, known: str | None, keep: frozenset[int], within: float) -> int:
    """known: the identity that the process must have, if it is known."""
    with _opened(pid, known, 0) as handle:
        # Held until the end of it, so that the pid stays its own.
        times = times_of(handle) if handle else None
        return 0 if times is None else _end(Family(pid, times.identity, keep=keep, is_own=False), within)


def _end(family: Family, within: float) -> int:
    with contextlib.ExitStack() as held:

        def end(entry: Entry) -> bool:
            handle = held.enter_context(_opened(entry.pid, entry.identity, _TERMINATE))
            return bool(handle) and bool(kernel32.TerminateProcess(handle, 1))

        return end_all(family, _look, end, within)


def _look() -> tuple[list[Entry], list[int]]:
    # In this order: a pid of the job that is used again meanwhile is not what the table showed.
    table = process_table.entries()
    return table, job.members()


@contextlib.contextmanager
def _opened(pid: int, known: str | None, access: int) -> Iterator[int | None]:
    """A handle of exactly this process; None if it is gone, is another by now, or is not ours to open."""
    handle = kernel32.OpenProcess(QUERY | access, False, pid)
    try:
        times = times_of(handle) if handle else None
        yield handle if times is not None and known in (None, times.identity) else None
    finally:
        if handle:
            kernel32.CloseHandle(handle)
