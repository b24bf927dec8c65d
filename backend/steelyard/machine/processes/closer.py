"""When pools of processes are looked at closely: the most doubtful first, and no more than it is worth.

A look walks through all pages of a process, 20 ms of CPU time for each GB. It is made in a thread of its own;
what it brings is taken in at the next sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steelyard.machine.processes.sharing import Name, Part, Pool, Share
from steelyard.machine.processes.use import CloserLook, ProcessReader

SHARE, SHARE_IN_NEED = 0.01, 0.05
"""Of one core, that looks may take in the long run; the second while memory is short."""

SECONDS_A_BYTE = 20e-12
"""CPU time of a look, roughly, for each byte that the process has."""

PATIENCE = 30.0
"""Seconds after which a look is given up."""

IN_HAND = 1.0
"""Seconds of CPU time at the most that may be spent at one go, when little was spent before."""

Sharing = Callable[[CloserLook], Share]


@dataclass(slots=True)
class _Plan:
    pool: Pool
    parts: Mapping[Name, Part]
    names: list[Name]
    sharing: Sharing
    found: dict[Name, Share] | None = None
    cost: float = 0.0
    """CPU seconds that it took."""


class CloserLooks:
    """Asks, a plan for some of them, and the look itself. All but look() belong to one thread."""

    def __init__(self, reader: ProcessReader, cpu_seconds: Callable[[], float] = time.thread_time) -> None:
        self._reader = reader
        self._cpu_seconds = cpu_seconds
        self._asks: list[tuple[int, _Plan]] = []
        self._plans: list[_Plan] = []
        self._looking_since: float | None = None
        self._in_hand = IN_HAND
        self._at: float | None = None

    def begin(self, now: float) -> None:
        """A sample begins: take in what was found since, and forget what was asked for."""
        self._asks.clear()
        if self._looking_since is not None:
            # The kernel lets nobody look at a process that hangs in the middle of a change of its memory.
            if now - self._looking_since < PATIENCE:
                return
            self._looking_since, self._plans = None, []
        for plan in self._plans:
            self._in_hand -= plan.cost
            if plan.found is not None:
                plan.pool.learn(plan.parts, plan.found, now)
        self._plans = []

    def ask(self, pool: Pool, parts: Mapping[Name, Part], sharing: Sharing, now: float) -> None:
        """A pool as this sample found it: look at it if it is worth that."""
        urgency = pool.asks_for(parts, now)
        if urgency:
            self._asks.append((urgency, _Plan(pool, dict(parts), pool.choose(parts), sharing)))

    def plan(self, now: float, *, in_need: bool) -> bool:
        """Whether look() has something to do now. in_need: memory is short, so that it is worth more."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._in_hand = min(IN_HAND, self._in_hand + elapsed * (SHARE_IN_NEED if in_need else SHARE))
        if self._looking_since is not None or self._plans or not self._asks:
            return False
        self._asks.sort(key=lambda ask: -ask[0])
        left = self._in_hand
        for urgency, plan in self._asks:
            # What merely has not been looked at for long waits until there is plenty.
            if left > (0.0 if urgency > 1 else 0.9 * IN_HAND):
                self._plans.append(plan)
                left -= sum(plan.parts[name].size for name in plan.names) * SECONDS_A_BYTE
        if not self._plans:
            return False
        self._looking_since = now
        return True

    def look(self) -> None:
        """Look as planned; blocks. What it finds counts from the next sample on."""
        plans = self._plans
        try:
            for plan in plans:
                before = self._cpu_seconds()
                looks = {name: self._reader.look_closer(name[0]) for name in plan.names}
                # While some go, the others' parts grow: parts of different moments make no sum.
                if all(self._reader.lives(name[0]) for name in plan.parts):
                    plan.found = {
                        name: plan.sharing(look) for name, look in looks.items() if look is not None
                    }
                plan.cost = self._cpu_seconds() - before
        finally:
            if self._plans is plans:
                self._looking_since = None


def of_memory(look: CloserLook) -> Share:
    """What a look tells of memory that forks may hold together."""
    return Share(look.memory, look.part, look.own)


def of_segments(look: CloserLook) -> Share:
    """What it tells of shared memory."""
    return Share(look.segments, look.part_of_segments, 0)
