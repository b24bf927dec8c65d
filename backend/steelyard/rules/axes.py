"""Numbers among parameters as they were seen, in the direction in which memory grows with them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.rules.nearness import Parameters, is_number

FAR: Final = 1.5
"""A number is far beyond what was seen when it is more than so many times the largest."""

FALLS: Final = -0.8
FALLEN: Final = 1.05
"""Memory falls with a number: so strong is the correlation, and so many times more its smallest takes."""

_FARTHEST: Final = 1e6
"""Past that no power is reckoned with."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A number as it was seen, in the direction in which memory grows: its place is 1 at the end of that."""

    name: str
    least: float
    most: float
    falling: bool = False

    @property
    def varied(self) -> bool:
        """Whether there was more than one value."""
        return self.most > self.least

    @property
    def end(self) -> float:
        """The value that took most."""
        return self.least if self.falling else self.most

    def place(self, value: float) -> float:
        """0 to 1 inside what was seen; infinite where nothing says how much larger it is."""
        if self.falling:
            return self.least / value if value > 0 else math.inf
        if self.least > 0:
            return max(0.0, value) / self.most
        if self.varied:
            return max(0.0, value - self.least) / (self.most - self.least)
        return 1.0 if value <= self.most else math.inf

    def of(self, parameters: Parameters) -> float:
        """The place of a run; 1 where it has no such number."""
        value = parameters.get(self.name)
        return min(_FARTHEST, self.place(float(value))) if is_number(value) else 1.0

    @property
    def reach(self) -> float:
        """The farthest place that is not far."""
        return FAR if self.varied else 1.0

    def farthest(self) -> float:
        """The value there."""
        if self.falling:
            return self.least / self.reach
        if self.least > 0:
            return self.most * self.reach
        return self.least + (self.most - self.least) * self.reach


def axes(runs: Sequence[tuple[Parameters, float]]) -> dict[str, Axis]:
    """Every number that runs had, and which way memory grows with it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for parameters, peak in runs:
        for name, value in parameters.items():
            if is_number(value) and math.isfinite(value):
                found.setdefault(name, []).append((float(value), peak))
    return {name: _axis(name, seen) for name, seen in found.items()}


def _axis(name: str, seen: Sequence[tuple[float, float]]) -> Axis:
    values, peaks = zip(*seen, strict=True)
    least, most = min(values), max(values)
    falling = (
        least > 0
        and len(set(values)) > 2
        and correlation(values, peaks) <= FALLS
        and max(peak for value, peak in seen if value == least)
        >= FALLEN * max(peak for value, peak in seen if value == most)
    )
    return Axis(name, least, most, falling)


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two columns, -1 to 1; 0 where one of them never varies."""
    try:
        return statistics.correlation(one, other)
    except statistics.StatisticsError:
        return 0.0
