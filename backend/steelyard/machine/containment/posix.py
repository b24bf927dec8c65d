"""Process trees on Linux and macOS: frozen first, so that nothing forks away, then ended in a loop until none
is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from subprocess import Popen

from steelyard.machine import identity, process_table
from steelyard.machine.containment.ending import Ending
from steelyard.machine.process_table.entry import Entry

assert sys.platform != "win32"

if sys.platform == "linux":
    from steelyard.machine.containment.linux_ties import die_with_parent
else:
    from steelyard.machine.containment.no_ties import die_with_parent

WITHIN = 5.0
"""Seconds that ending a tree may take; only a process stuck in the kernel (a dead network file system) needs
more."""

_ROUNDS = 50
_NOBODY: frozenset[int] = frozenset()


def leave_no_one() -> None:
    """Nothing to do: subreaper and parent-death signal see to it here."""


def task_options() -> dict[str, object]:
    """Popen keywords for a task's first process: its own session, and SIGKILL when the agent dies.

    preexec_fn is safe because the agent has one thread. Signals that the agent handles go back to their
    default by exec itself.
    """
    agent = os.getpid()

    def tie() -> None:
        die_with_parent(signal.SIGKILL)
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
    return [entry.pid for entry in _Scan(pid, _NOBODY).look()]


def end_tree(pid: int, *, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """SIGKILL for a process and all below it, stopped ones too, until none lives; how many that were.

    The process itself is never reaped (its exit status belongs to whoever started it) and always ended. Below
    it, those in keep and all below them are left alone. Orphans that come up to us meanwhile are reaped by
    their pid.
    """
    if pid == os.getpid():
        return end_descendants(keep=keep, within=within)
    # Stopped first, ended last: what a dying child leaves behind comes up to a root that is a subreaper.
    scan = _Scan(pid, keep - {pid}, with_root=True)
    _send_to_all(scan, signal.SIGSTOP)
    count = _end(_Scan(pid, keep - {pid}, reap=True), keep | {pid}, within)
    root = process_table.entry(pid)
    if root is None or root.ended or not _send(root, signal.SIGKILL):
        return count
    _wait_for([root], within)
    return count + 1 + _end(_Scan(pid, keep - {pid}, reap=True), keep | {pid}, within)


def end_descendants(*, keep: frozenset[int] = _NOBODY, within: float = WITHIN) -> int:
    """SIGKILL for all below this process, those that came up to it included, until none lives; how many that
    were.

    Those in keep and all below them are neither ended nor reaped.
    """
    return _end(_Scan(os.getpid(), keep, reap=True), keep, within)


def end_known(pid: int, known_identity: str, executable: str | None = None) -> bool:
    """End the tree of a process that an earlier run recorded; False, and nothing ended, if it is another one
    now."""
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


def suspend_tree(pid: int) -> int:
    """SIGSTOP for a process (not for ourselves) and all below it until none is left running; how many were
    stopped."""
    return len(_send_to_all(_Scan(pid, _NOBODY, with_root=True), signal.SIGSTOP))


def resume_tree(pid: int) -> int:
    """SIGCONT for a process and all below it; how many that were.

    For all of them and not only for those that are seen stopped: a stop takes effect when its process is next
    scheduled, and one that is still on its way must not outlive the resume.
    """
    return len(_send_to_all(_Scan(pid, _NOBODY, with_root=True), signal.SIGCONT))


def collect(process: Popen[bytes]) -> Ending | None:
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
        _reap(child)
        for child in process_table.children(os.getpid())
        if child not in keep and (entry := process_table.entry(child)) is not None and entry.ended
    )


class _Scan:
    """Looks for the living below a process, again and again, and knows when a look can be trusted.

    A process that forks and dies between the reading of its parent's list and of its own hides its child
    from that
    look. So a look in which somebody listed was found dead (and was not dead before) proves nothing:
    `is_restless`.
    """

    def __init__(
        self, pid: int, keep: frozenset[int], *, with_root: bool = False, reap: bool = False
    ) -> None:
        self._pid = pid
        self._reap = reap
        self._keep = keep
        self._with_root = with_root and pid != os.getpid()
        self._zombies: set[tuple[int, str]] = set()
        self.is_restless = False

    def look(self) -> list[Entry]:
        """The living, parents first. Those in keep, and all below them, are not looked at."""
        self.is_restless = False
        found: list[Entry] = []
        if self._with_root:
            root = process_table.entry(self._pid)
            if root is not None and not root.ended:
                found.append(root)
        seen = {self._pid}
        todo = [self._pid]
        while todo:
            for child in process_table.children(todo.pop()):
                if child not in seen and child not in self._keep:
                    seen.add(child)
                    entry = process_table.entry(child)
                    if entry is not None and not entry.ended:
                        found.append(entry)
                        todo.append(child)
                    else:
                        self._found_dead(entry)
        return found

    def _found_dead(self, entry: Entry | None) -> None:
        if entry is None or (entry.pid, entry.identity) not in self._zombies:
            self.is_restless = True
        if entry is None:
            return
        if self._reap and entry.parent == os.getpid():
            # Each that stays makes the next look slower, and a tree that forks fast makes thousands of them.
            _reap(entry.pid)
        else:
            self._zombies.add((entry.pid, entry.identity))


def _send_to_all(scan: _Scan, number: int) -> dict[tuple[int, str], Entry]:
    """SIGSTOP or SIGCONT for all that a scan finds, looking again until nobody new is found.

    What is stopped forks no more, so this comes to an end however fast a tree forks.
    """
    reached: dict[tuple[int, str], Entry] = {}
    quiet = 0
    for _ in range(_ROUNDS):
        new = [entry for entry in scan.look() if (entry.pid, entry.identity) not in reached]
        for entry in new:
            if _send(entry, number):
                reached[entry.pid, entry.identity] = entry
        # A fork under way when its parent was stopped still comes out: two quiet rounds, not one.
        quiet = 0 if new or scan.is_restless else quiet + 1
        if quiet == 2:
            break
    return reached


def _end(scan: _Scan, keep: frozenset[int], within: float) -> int:
    """Freeze and SIGKILL all that a scan finds until none is left, and reap those that are ours."""
    marked = _send_to_all(scan, signal.SIGSTOP)
    deadline = time.monotonic() + within
    for entry in marked.values():
        _send(entry, signal.SIGKILL)
    while True:
        living = _wait_for(list(marked.values()), deadline - time.monotonic())
        for entry in marked.values():
            if entry.pid not in keep and entry not in living:
                _reap(entry.pid)
        # Whoever was below a process that is gone now has come up: to us, or (no subreaper) to init.
        new = [entry for entry in scan.look() if entry not in living]
        for entry in new:
            if _send(entry, signal.SIGKILL):
                marked[entry.pid, entry.identity] = entry
        if time.monotonic() > deadline or not (living or new or scan.is_restless):
            return len(marked)


def _wait_for(entries: list[Entry], within: float) -> list[Entry]:
    """Wait until these are gone; those that are not after so many seconds."""
    deadline = time.monotonic() + within
    pause = 0.0005
    while True:
        entries = [entry for entry in entries if identity.is_same(entry.pid, entry.identity)]
        if not entries or time.monotonic() > deadline:
            return entries
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def _send(entry: Entry, number: int) -> bool:
    """Signal exactly the process that was listed: through a descriptor that no later user of the pid can
    inherit."""
    try:
        if sys.platform == "linux":
            try:
                handle = os.pidfd_open(entry.pid)
            except OSError as error:
                if isinstance(error, ProcessLookupError):
                    return False
            else:
                try:
                    if not identity.is_same(entry.pid, entry.identity):
                        return False
                    signal.pidfd_send_signal(handle, number)
                    return True
                finally:
                    os.close(handle)
        if not identity.is_same(entry.pid, entry.identity):
            return False
        os.kill(entry.pid, number)
    except (ProcessLookupError, PermissionError):
        # Gone meanwhile, or a set-uid program that is not ours to signal.
        return False
    return True


def _reap(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
