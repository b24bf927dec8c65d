"""Who belongs to a process on Windows, decided from looks at the process table without asking anything.

Windows never changes the parent that a process names, and uses a pid again soon: a process that names a pid
as its parent is a child of the one who has that pid now only if it is the younger of the two. And while a
handle of a process is held, its pid is nobody else's, even after its end. Pure; containment.windows enters
here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping

from steelyard.machine.process_table.entry import Entry

NOBODY: frozenset[int] = frozenset()

CONSOLE_HOST = "conhost.exe"
"""Windows gives each program of the console one of these, ours as well; it ends with its program."""

Look = Callable[[], tuple[Iterable[Entry], Collection[int]]]
"""The process table, and after it the pids that our job lists."""


class Family:
    """A process and all below it. A kept process below it, with all below that, is none of them.

    pid, identity: the root; somebody holds a handle of it, or it is ourselves.
    is_own: it is ourselves: we are not one of them, but whatever is in our job is, whoever its parent was.
    """

    def __init__(self, pid: int, identity: str, *, keep: frozenset[int] = NOBODY, is_own: bool) -> None:
        self._pid = pid
        self._keep = keep - {pid}
        self._is_own = is_own
        self._held = {pid: identity}

    def hold(self, entry: Entry) -> None:
        """A handle of this one is held from now on: whoever names its pid and is younger is its child."""
        self._held[entry.pid] = entry.identity

    def living(self, table: Iterable[Entry], in_job: Collection[int] = NOBODY) -> list[Entry]:
        """Those of one look that live, the oldest first, so that parents come before children."""
        alive = {each.pid: each for each in table if not each.ended and each.program.lower() != CONSOLE_HOST}
        children: dict[int, list[Entry]] = {}
        for each in alive.values():
            children.setdefault(each.parent, []).append(each)
        kept = {pid: alive[pid].identity for pid in self._keep if pid in alive}
        spared = {self._pid, *self._keep, *(each.pid for each in _below(kept, children, {self._pid}))}
        found = {each.pid: each for each in _below(self._held, children, spared)}
        for pid, identity in self._held.items():
            if pid in alive and pid not in spared and alive[pid].identity == identity:
                found[pid] = alive[pid]
        if self._is_own:
            found |= {pid: alive[pid] for pid in in_job if pid in alive and pid not in spared}
        elif self._pid in alive and alive[self._pid].identity == self._held[self._pid]:
            found[self._pid] = alive[self._pid]
        return sorted(found.values(), key=_began)


def end_all(
    family: Family,
    look: Look,
    end: Callable[[Entry], bool],
    within: float,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """End a family, looking again until none of it lives; how many were ended.

    end: end exactly this process and hold it from then on; False if it could not be.
    within: seconds.
    """
    deadline = time.monotonic() + within
    ended: set[tuple[int, str]] = set()
    while True:
        living = family.living(*look())
        for each in living:
            if (each.pid, each.identity) not in ended and end(each):
                ended.add((each.pid, each.identity))
                family.hold(each)
        if not living or time.monotonic() > deadline:
            return len(ended)
        pause(0.005)


def _below(
    owners: Mapping[int, str], children: Mapping[int, list[Entry]], spared: Collection[int]
) -> list[Entry]:
    """All generations below the owners (pid -> identity), who are not in it."""
    found: list[Entry] = []
    seen = {*owners, *spared}
    todo = list(owners.items())
    while todo:
        pid, identity = todo.pop()
        for child in children.get(pid, ()):
            if child.pid not in seen and _began(child) >= int(identity):
                seen.add(child.pid)
                found.append(child)
                todo.append((child.pid, child.identity))
    return found


def _began(entry: Entry) -> int:
    """When it began: identities are times on Windows."""
    return int(entry.identity)
