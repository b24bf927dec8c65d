"""The tools of containment on Linux and macOS: find all below a process, signal, wait until they are gone.

containment.posix alone enters here.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from steelyard.machine import identity, process_table
from steelyard.machine.process_table.entry import Entry

assert sys.platform != "win32"

_ROUNDS = 50


class Scan:
    """Looks for the living below a process, again and again, and knows when a look can be trusted.

    A process that forks and dies between the reading of its parent's list and of its own hides its child from
    that look. So a look in which somebody listed is found newly dead proves nothing: is_restless.
    reap: take the exit status of zombies that are our own children, so that the next look is short.
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
            reap(entry.pid)
        else:
            self._zombies.add((entry.pid, entry.identity))


def send_to_all(scan: Scan, number: int) -> dict[tuple[int, str], Entry]:
    """SIGSTOP or SIGCONT for all that a scan finds, looking again until nobody new is found.

    What is stopped forks no more, so this comes to an end however fast a tree forks.
    """
    reached: dict[tuple[int, str], Entry] = {}
    quiet = 0
    for _ in range(_ROUNDS):
        new = [entry for entry in scan.look() if (entry.pid, entry.identity) not in reached]
        for entry in new:
            if send(entry, number):
                reached[entry.pid, entry.identity] = entry
        # A fork under way when its parent was stopped still comes out: two quiet rounds, not one.
        quiet = 0 if new or scan.is_restless else quiet + 1
        if quiet == 2:
            break
    return reached


def end_all(scan: Scan, keep: frozenset[int], within: float) -> int:
    """Freeze and SIGKILL all that a scan finds until none is left, and reap those that are ours."""
    marked = send_to_all(scan, signal.SIGSTOP)
    deadline = time.monotonic() + within
    for entry in marked.values():
        send(entry, signal.SIGKILL)
    while True:
        living = wait_for(list(marked.values()), deadline - time.monotonic())
        for entry in marked.values():
            if entry.pid not in keep and entry not in living:
                reap(entry.pid)
        # Whoever was below a process that is gone now has come up: to us, or (no subreaper) to init.
        new = [entry for entry in scan.look() if entry not in living]
        for entry in new:
            if send(entry, signal.SIGKILL):
                marked[entry.pid, entry.identity] = entry
        if time.monotonic() > deadline or not (living or new or scan.is_restless):
            return len(marked)


def still_runs(known: Entry) -> bool:
    """Whether a process that was listed is neither gone nor stopped."""
    entry = process_table.entry(known.pid)
    return entry is not None and entry.identity == known.identity and not (entry.ended or entry.stopped)


def wait_for(entries: list[Entry], within: float) -> list[Entry]:
    """Wait until these are gone; those that are not after so many seconds."""
    deadline = time.monotonic() + within
    pause = 0.0005
    while True:
        entries = [entry for entry in entries if identity.is_same(entry.pid, entry.identity)]
        if not entries or time.monotonic() > deadline:
            return entries
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def send(entry: Entry, number: int) -> bool:
    """Signal exactly the process that was listed: a later user of its pid is never hit."""
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


def reap(pid: int) -> bool:
    """Take the exit status of a zombie that is our child; False if it is none."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
