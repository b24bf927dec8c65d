"""From processes to trees: who belongs to whom, what they hold, and how CPU time is counted without a jump.

Pure but for the reader and the clock that are passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from steelyard.machine.processes.use import ProcessReader, ProcessUse, TreeUse

SHORTEST = 0.05
"""Seconds; over less than this, CPU ticks of 10 ms would make noise of a percentage: the last one stands."""

_Identity = tuple[int, object]


@dataclass(slots=True)
class _Tree:
    """What the last sample of one root left behind."""

    root: _Identity
    at: float
    counters: dict[_Identity, ProcessUse]
    cpu_seconds: float
    since: float = 0.0
    """CPU seconds that came in since `at`."""
    cpu: float = 0.0


@dataclass(slots=True)
class _Look:
    """One sample: every process is read once, however many roots stand above it."""

    reader: ProcessReader
    uses: dict[int, ProcessUse | None] = field(default_factory=dict)
    below: dict[int, list[int]] = field(default_factory=dict)

    def use(self, pid: int) -> ProcessUse | None:
        if pid not in self.uses:
            self.uses[pid] = self.reader.read(pid)
        return self.uses[pid]

    def walk(self, pid: int, into: dict[_Identity, ProcessUse]) -> None:
        """Adds a process and its descendants to `into`."""
        pending = [pid]
        while pending:
            each = pending.pop()
            use = self.use(each)
            if use is None or (use.pid, use.started) in into:
                continue
            into[use.pid, use.started] = use
            if use.ended:
                continue
            if each not in self.below:
                self.below[each] = self.reader.children(each)
            pending += self.below[each]


class TreeSampler:
    """Samples the trees below named roots. One for a program: it remembers the last sample of each root."""

    def __init__(self, processes: ProcessReader, monotonic: Callable[[], float]) -> None:
        self._processes = processes
        self._monotonic = monotonic
        self._trees: dict[str, _Tree] = {}

    def sample(self, roots: dict[str, int]) -> dict[str, TreeUse]:
        """The use of the tree below each root (its PID), by the root's key; roots may lie inside each other.

        A root that has gone uses nothing and keeps its cpu_seconds. A key that is left out is forgotten.
        """
        self._processes.begin()
        look, now = _Look(self._processes), self._monotonic()
        self._trees = {key: tree for key, tree in self._trees.items() if key in roots}
        return {key: self._sample(key, pid, look, now) for key, pid in roots.items()}

    def _sample(self, key: str, pid: int, look: _Look, now: float) -> TreeUse:
        root = look.use(pid)
        tree = self._trees.get(key)
        if root is None or (tree is not None and tree.root[0] == pid and tree.root != (pid, root.started)):
            # Gone; or its PID is another's by now, whose use is none of ours.
            return TreeUse(0, 0.0, 0, tree.cpu_seconds if tree else 0.0)
        found: dict[_Identity, ProcessUse] = {}
        look.walk(pid, found)
        if tree is None or tree.root[0] != pid:
            seconds = sum(use.cpu_seconds + use.reaped_seconds for use in found.values())
            tree = self._trees[key] = _Tree((pid, root.started), now, found, seconds)
        else:
            _find_missed(tree.counters, found, look)
            spent = _spent(tree.counters, found)
            tree.counters = found
            tree.cpu_seconds += spent
            tree.since += spent
            if now - tree.at >= SHORTEST:
                tree.cpu = 100.0 * tree.since / (now - tree.at)
                tree.at, tree.since = now, 0.0
        living = [use for use in found.values() if not use.ended]
        memory = sum(use.memory - use.shared for use in living)
        memory += max((use.shared for use in living), default=0)
        return TreeUse(memory, round(tree.cpu, 1), len(living), tree.cpu_seconds)


def _find_missed(
    before: dict[_Identity, ProcessUse], found: dict[_Identity, ProcessUse], look: _Look
) -> None:
    """Adds what the walk passed over although it still belongs to the tree.

    The kernel may skip a child when a sister ends while the list is read: for one sample the tree would look
    smaller, and in the next all the CPU time that the child ever used would look new.
    """
    pids = {pid for pid, _ in found}
    for pid, started in before.keys() - found.keys():
        use = look.use(pid)
        if use is not None and use.started == started and use.parent in pids:
            look.walk(pid, found)


def _spent(before: dict[_Identity, ProcessUse], now: dict[_Identity, ProcessUse]) -> float:
    """CPU seconds that came in between two samples of a tree; never negative.

    Those of the living, and what parents collected from children that ended, less what those had been counted
    for already: so neither a process of 20 ms is lost, nor is one that ended subtracted.
    """
    own = collected = 0.0
    for identity, use in now.items():
        last = before.get(identity)
        if last is None:
            own += use.cpu_seconds
            collected += use.reaped_seconds
        else:
            own += max(0.0, use.cpu_seconds - last.cpu_seconds)
            collected += max(0.0, use.reaped_seconds - last.reaped_seconds)
    gone = sum(before[each].cpu_seconds + before[each].reaped_seconds for each in before.keys() - now.keys())
    return own + max(0.0, collected - gone)
