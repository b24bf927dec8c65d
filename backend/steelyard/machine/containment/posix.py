"""Process trees on Linux and macOS: frozen first, so that nothing forks away, then ended to the last one."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from subprocess import Popen

from steelyard.machine import identity, process_table
from steelyard.machine.containment.accounting import Use
from steelyard.machine.containment.ending import Ending
from steelyard.machine.process_table.entry import Entry

assert sys.platform != "win32"

from steelyard.machine.containment.held import held  # noqa: E402
from steelyard.machine.containment.posix_trees import (  # noqa: E402
    Scan,
    end_all,
    reap,
    send,
    send_to_all,
    still_runs,
    wait_for,
)

if sys.platform == "linux":
    from steelyard.machine.containment.linux_ties import die_with_parent, offer_as_victim
else:
    from steelyard.machine.containment.no_ties import die_with_parent, offer_as_victim

WITHIN = 5.0
"""Seconds that ending a tree may take; only one stuck in the kernel (a dead network disk) takes longer."""

NICENESS = 10
"""Half of what there is: a share of an idle core as ever, and about a tenth of a contended one."""

_SETTLE = 0.5
_ROUNDS = 20
_NOBODY: frozenset[int] = frozenset()


def leave_no_one() -> None:
    """Nothing to do: subreaper and parent-death signal see to it here."""


def task_options(*, low_priority: bool = False) -> dict[str, object]:
    """Popen keywords for a task's first process: its own session, SIGKILL when the agent dies, and first in
    the kernel's choice when memory runs out: a task can be run again, the user's other programs cannot.

    low_priority: other programs go first on the CPU and, on Linux, on the disk: ioprio_set(2) derives a
    process's I/O priority from its nice value.

    preexec_fn is safe because the agent has one thread. Signals that the agent handles go back to their
    default by exec itself.
    """
    agent = os.getpid()

    def tie() -> None:
        die_with_parent(signal.SIGKILL)
        offer_as_victim()
        if low_priority:
            os.nice(NICENESS)
        if os.getppid() != agent:
            # The agent died between fork and prctl: no signal will come any more.
            os._exit(127)

    return {"start_new_session": True, "close_fds": True, "preexec_fn": tie}


def worker_options() -> dict[str, object]:
    """Popen (and asyncio.create_subprocess_exec) keywords for an agent: its own session, nothing inherited.

    The agent ties itself to its parent: no preexec_fn, so that spawning stays cheap in the larger sidecar.
    """
    return {"start_new_session": True, "close_fds": True}


def descendants(pid: int) -> list[int]:
    """The pids of all living generations below a process, parents before children."""
    return [entry.pid for entry in Scan(pid, _NOBODY).look()]


def end_tree(pid: int, *, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """SIGKILL for a process and all below it, stopped ones too, until none lives; how many that were.

    The process itself is never reaped (its exit status belongs to whoever started it) and always ended. Below
    it, those in keep and all below them are left alone. Orphans that come up to us meanwhile are reaped by
    their pid.
    """
    if pid == os.getpid():
        return end_descendants(keep=keep, within=within)
    # Stopped first, ended last: what a dying child leaves behind comes up to a root that is a subreaper.
    scan = Scan(pid, keep - {pid}, with_root=True)
    send_to_all(scan, signal.SIGSTOP)
    count = end_all(Scan(pid, keep - {pid}, reap=True), keep | {pid}, within)
    root = process_table.entry(pid)
    if root is None or root.ended or not send(root, signal.SIGKILL):
        return count
    wait_for([root], within)
    return count + 1 + end_all(Scan(pid, keep - {pid}, reap=True), keep | {pid}, within)


def end_descendants(*, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """SIGKILL for all below this process, those that came up to it included, until none lives; how many that
    were.

    Those in keep and all below them are neither ended nor reaped.
    """
    return end_all(Scan(os.getpid(), keep, reap=True), keep, within)


def end_orphans(keep: frozenset[int]) -> int:
    """End what children that are gone left, which came up to us. keep: the children that live."""
    return end_descendants(keep=keep)


def end_known(pid: int, known_identity: str, executable: str | None = None) -> bool:
    """End the tree of a process recorded by an earlier run; False, and nothing ended, if it is another."""
    if pid == os.getpid() or not identity.is_same(pid, known_identity):
        return False
    if executable is not None and process_table.executable(pid) != executable:
        return False
    end_tree(pid)
    return True


def ask_to_stop(pid: int) -> None:
    """SIGTERM to the process group that a task leads."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)


def press(*, ask: bool, asked: int | None, first: int | None, above: int | None) -> None:
    """Make what lives below this process go: SIGKILL for first and for all that hold more than above bytes;
    with ask SIGTERM for the others, and SIGCONT, since a stopped one hears nothing.

    asked: a process group that was asked before: mpirun takes a second SIGTERM for impatience, and goes
    without removing its files.
    """
    scan = Scan(os.getpid(), _NOBODY)
    limit = float("inf") if above is None else above
    large = [entry for entry in scan.look() if entry.pid == first or (held(entry.pid) or 0) > limit]
    for entry in large:
        # Stopped, so that what is below is found there, and nobody replaces a child that goes.
        send(entry, signal.SIGSTOP)
    done = {(entry.pid, entry.identity) for entry in large}
    for _ in range(_ROUNDS if ask else 0):
        new = [entry for entry in scan.look() if (entry.pid, entry.identity) not in done]
        for entry in new:
            if _group(entry.pid) != asked:
                send(entry, signal.SIGTERM)
            send(entry, signal.SIGCONT)
            done.add((entry.pid, entry.identity))
        # A look that may have missed somebody is repeated; else what a handler starts now would be asked too.
        if not scan.is_restless:
            break
    for entry in large:
        send(entry, signal.SIGKILL)


def is_alone(keep: frozenset[int] = _NOBODY) -> bool:
    """Whether nobody lives below this process. Reaps the zombies among our children, but for those in keep:
    with one of these it is not alone. On Linux the kernel tells, and no look at /proc that might miss one.
    """
    if _has_children():
        reap_orphans(keep)
    return not _has_children()


def suspend_tree(pid: int) -> int:
    """SIGSTOP for a process (not for ourselves) and all below it until none runs; how many that were.

    A fork that was under way when the signal came is finished first, and its child is not stopped: so look
    again once everybody has been seen stopped. (Who waits for a vfork child never is: hence a time limit.)
    """
    scan = Scan(pid, _NOBODY, with_root=True)
    reached: dict[tuple[int, str], Entry] = {}
    deadline = time.monotonic() + _SETTLE
    while True:
        all_stopped = not any(still_runs(entry) for entry in reached.values())
        before = len(reached)
        reached |= send_to_all(scan, signal.SIGSTOP)
        if (all_stopped and len(reached) == before) or time.monotonic() > deadline:
            return len(reached)
        time.sleep(0.001)


def resume_tree(pid: int) -> int:
    """SIGCONT for a process and all below it; how many that were.

    For all of them and not only for those that are seen stopped: a stop takes effect when its process is next
    scheduled, and one that is still on its way must not outlive the resume.
    """
    return len(send_to_all(Scan(pid, _NOBODY, with_root=True), signal.SIGCONT))


def begin_use() -> Use | None:
    """Nothing to note: the kernel counts for each child by itself."""
    return None


def collect(process: Popen[bytes], since: Use | None = None) -> Ending | None:
    """Take the exit status of a child, without waiting; None while it lives.

    wait4() and not Popen.poll(): that one takes a status which somebody else has read for exit code 0.
    """
    try:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    except ChildProcessError:
        process.returncode = -1
        return Ending()
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    # Linux counts kilobytes, macOS bytes (getrusage(2)).
    peak = usage.ru_maxrss * (1024 if sys.platform == "linux" else 1)
    cpu = usage.ru_utime + usage.ru_stime
    return Ending(code if code >= 0 else None, -code if code < 0 else None, peak, cpu)


def reap_orphans(keep: frozenset[int]) -> int:
    """Reap the zombies among our children, each by its pid, never those in keep; how many."""
    return sum(
        reap(child)
        for child in process_table.children(os.getpid())
        if child not in keep and (entry := process_table.entry(child)) is not None and entry.ended
    )


def _has_children() -> bool:
    if sys.platform == "linux":
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
    else:
        return bool(process_table.children(os.getpid()))


def _group(pid: int) -> int | None:
    with suppress(OSError):
        return os.getpgid(pid)
    return None
