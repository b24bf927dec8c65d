"""Level memory: a running task that has stopped growing tells what such runs take, long before it ends.

Only where its claim is a guess. What it takes later beyond that is what the memory guard is for: otherwise a
machine of 16 GiB would run one task at a time for as long as the first one takes.
Sizes are bytes; seconds are those in which it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.rules.nearness import Parameters, is_number
from steelyard.rules.quantities import MIB
from steelyard.rules.weighing import GROWS

LEVEL_FOR: Final = 60.0
SHARE: Final = 0.1
"""So long it has to be level, or for this share of what such runs take, if that is longer."""

TIMES: Final = 1.5
"""So many times its peak is it reckoned with then, and a run like it."""

HALF_MORE: Final = 1.5
"""A number that is not more than so many times larger takes no more than that; beyond, as much more as it is
larger."""

FROM_NOTHING: Final = 2.0
"""How much more a number above 0 is thought to take than 0 did."""

_NOISE: Final = 4 * MIB
"""A new peak so little higher than the last is no growth."""


@dataclass(slots=True)
class Level:
    """Since when a task has not grown, and how high it was then."""

    since: float = 0.0
    peak: int = 0

    def note(self, ran: float, peak: int, growth: float) -> None:
        """One more look at it. ran: how long it has run; peak: so far; growth: bytes a second now."""
        if peak > self.peak + _NOISE and (growth >= GROWS or self._rose(ran, peak) >= GROWS):
            self.since, self.peak = ran, peak

    def is_level(self, ran: float, usual: float | None) -> bool:
        """Whether it has been level for long enough; usual: seconds that such runs take, if that is known."""
        return self.peak > 0 and ran - self.since >= max(LEVEL_FOR, SHARE * (usual or 0.0))

    def _rose(self, ran: float, peak: int) -> float:
        return (peak - self.peak) / max(1.0, ran - self.since)


@dataclass(frozen=True, slots=True)
class LevelRun:
    """A run that is level, and how high."""

    parameters: Parameters
    peak: int


def reckoned(claim: int, peak: int, known: int) -> int:
    """What a task that is level is reckoned with; known: what runs near it took, 0 if nobody knows."""
    return max(peak, min(claim, max(int(TIMES * peak), known)))


@dataclass(frozen=True, slots=True)
class Provisional:
    """A claim by runs that are level: of one as large as they are, and as much more as it is larger."""

    alike: int
    larger: int

    def claim(self, default: int) -> int:
        """Never more than what nobody knows claims, only because it is larger."""
        return max(self.alike, min(self.larger, default))


def provisional(levels: Sequence[LevelRun], parameters: Parameters) -> Provisional | None:
    """What a run of these parameters claims by those that are level now: by the one that is most like it."""
    likely = [(_larger(run.parameters, parameters), run.peak) for run in levels]
    if not likely:
        return None
    least = min(factor for factor, _ in likely)
    alike = int(TIMES * max(peak for factor, peak in likely if factor == least))
    return Provisional(alike, int(alike * least))


def _larger(run: Parameters, asked: Parameters) -> float:
    """How many times more the asked run is thought to take than the one that is level; 1 at the least."""
    factor = 1.0
    for name, value in asked.items():
        seen = run.get(name)
        if not (is_number(value) and is_number(seen) and value > seen):
            continue
        if seen <= 0:
            factor *= FROM_NOTHING
        elif value > HALF_MORE * seen:
            factor *= min(value / seen, 1e6)
    return min(factor, 1e6)
