"""From processes to trees: who belongs to whom, what they hold, and how CPU time is counted without a jump.

Pure but for the reader and the clock that are passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from steelyard.machine.processes.closer import CloserLooks, of_memory, of_segments
from steelyard.machine.processes.sharing import Name, Part, Pool
from steelyard.machine.processes.use import ProcessReader, ProcessUse, TreeUse

SHORTEST = 0.05
"""Seconds; over less than this, CPU ticks of 10 ms would make noise of a percentage: the last one stands."""

SHARE = 0.0125
"""Of one core, that samples may take while there is memory enough."""


@dataclass(slots=True)
class _Tree:
    """What the last sample of one root left behind."""

    root: Name
    at: float
    counters: dict[Name, ProcessUse]
    cpu_seconds: float
    since: float = 0.0
    """CPU seconds that came in since `at`."""
    cpu: float = 0.0
    families: dict[object, Pool] = field(default_factory=dict)
    """Forks of one program, which may hold memory together; only those of more than one process."""
    segments: Pool = field(default_factory=lambda: Pool(forks=False))
    """All that have shared memory."""


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

    def walk(self, pid: int, into: dict[Name, ProcessUse]) -> None:
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
    """Samples the trees below named roots. One for a program: it remembers the last sample of each root.

    What several processes hold together is told by closer looks only: after a sample, whoever can wait asks
    wants_closer_look(), and if it does has look_closer() run in a thread.
    """

    def __init__(self, processes: ProcessReader, monotonic: Callable[[], float]) -> None:
        self._processes = processes
        self._monotonic = monotonic
        self._trees: dict[str, _Tree] = {}
        self._looks = CloserLooks(processes)
        self.rest = 0.0
        """Seconds after which the next sample is worth its cost: large trees are sampled less often."""

    def sample(self, roots: dict[str, int], counted: Collection[str] = ()) -> dict[str, TreeUse]:
        """The use of the tree below each root (its PID), by the root's key; roots may lie inside each other.

        counted: keys of those whose memory somebody else counts, so that nobody has to look closer. A root
        that has gone uses nothing and keeps its cpu_seconds. A key that is left out is forgotten.
        """
        began = time.thread_time()
        self._processes.begin()
        look, now = _Look(self._processes), self._monotonic()
        self._looks.begin(now)
        self._trees = {key: tree for key, tree in self._trees.items() if key in roots}
        uses = {key: self._sample(key, pid, look, now, key not in counted) for key, pid in roots.items()}
        self.rest = (time.thread_time() - began) / SHARE
        return uses

    def wants_closer_look(self, *, in_need: bool = False) -> bool:
        """Whether look_closer() has to be called now; in_need: memory is short, so that it is worth more."""
        return self._looks.plan(self._monotonic(), in_need=in_need)

    def look_closer(self) -> None:
        """Look page by page at what is most doubtful; blocks. It counts from the next sample on."""
        self._looks.look()

    def _sample(self, key: str, pid: int, look: _Look, now: float, closely: bool) -> TreeUse:
        root = look.use(pid)
        tree = self._trees.get(key)
        if root is None or (tree is not None and tree.root[0] == pid and tree.root != (pid, root.started)):
            # Gone; or its PID is another's by now, whose use is none of ours.
            return TreeUse(0, 0.0, 0, tree.cpu_seconds if tree else 0.0)
        found: dict[Name, ProcessUse] = {}
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
        tables = sum(use.tables for use in living)
        memory = tables + self._memory(tree, living, now, closely)
        files = max((use.files for use in living), default=0)
        return TreeUse(memory, round(tree.cpu, 1), len(living), tree.cpu_seconds, files, tables)

    def _memory(self, tree: _Tree, living: list[ProcessUse], now: float, closely: bool) -> int:
        """What the processes of a tree hold, each page once."""
        families: dict[object, dict[Name, Part]] = {}
        segments: dict[Name, Part] = {}
        for use in living:
            name = (use.pid, use.started)
            families.setdefault(use.family or name, {})[name] = Part(use.memory, use.faults)
            if use.segments:
                segments[name] = Part(use.segments, use.faults)
        pools = {
            family: tree.families.get(family) or Pool(forks=True)
            for family, parts in families.items()
            if len(parts) > 1
        }
        tree.families = pools
        held = tree.segments.holds(segments)
        if closely:
            self._looks.ask(tree.segments, segments, of_segments, now)
        for family, parts in families.items():
            pool = pools.get(family)
            if pool is None:
                held += sum(part.size for part in parts.values())
            else:
                held += pool.holds(parts)
                if closely:
                    self._looks.ask(pool, parts, of_memory, now)
        return held


def _find_missed(before: dict[Name, ProcessUse], found: dict[Name, ProcessUse], look: _Look) -> None:
    """Adds what the walk passed over although it still belongs to the tree.

    The kernel may skip a child when a sister ends while the list is read: for one sample the tree would look
    smaller, and in the next all the CPU time that the child ever used would look new.
    """
    pids = {pid for pid, _ in found}
    for pid, started in before.keys() - found.keys():
        use = look.use(pid)
        if use is not None and use.started == started and use.parent in pids:
            look.walk(pid, found)


def _spent(before: dict[Name, ProcessUse], now: dict[Name, ProcessUse]) -> float:
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
