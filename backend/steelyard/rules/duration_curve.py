"""How long runs take by the numbers among their parameters, where a few of them show that it is so.

    seconds = c * x1^b1 * x2^b2 * ...

Twice the years take twice as long, twice the resolution four times. That is read from the first runs of a
sweep, long before every other run of it has a neighbour (nearness.py). Where the runs do not lie on such a
curve there is none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.rules.nearness import Parameters, is_number

SPARE_RUNS: Final = 3
"""Runs that there are beyond the numbers of a curve: on fewer, chance lies on a line too often."""

OFF: Final = 0.25
"""How far off its curve a run may lie, as a rule (the standard error of the logarithms, some 25 %)."""

STEPS: Final = 12
"""Steps in which the exponents are found."""

WORTH_IT: Final = 0.9
"""A step leaves less than this share of the error, or it is none."""

FARTHEST: Final = 8.0
"""How many times longer than the longest run, or shorter than the shortest, a guess may be."""

_SAME: Final = 1e-6**2
"""Mean square of the logarithms' deviations up to which all values of a number count as one."""

_LEAST: Final = 0.001
"""What a duration counts at the least: a logarithm of 0 there is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that a run usually takes, at the least, at the most; runs: how many that is read from."""

    usual: float
    shortest: float
    longest: float
    runs: int


@dataclass(frozen=True, slots=True)
class _Axis:
    """A number as the curve sees it: its logarithm, or where not all values are positive what is like one."""

    name: str
    positive: bool
    middle: float

    def place(self, value: float) -> float | None:
        if not self.positive:
            return math.asinh(value) - self.middle
        return math.log(value) - self.middle if value > 0 else None


@dataclass(frozen=True, slots=True)
class DurationCurve:
    """A curve through the durations of some runs; fit() makes it."""

    level: float
    slopes: tuple[tuple[_Axis, float], ...]
    off: tuple[float, float]
    """The logarithms of how far the runs lie below and above it."""
    seen: tuple[float, float]
    runs: int

    def of(self, parameters: Parameters) -> Timing | None:
        """What the curve says of a run; None where one of its numbers is missing or no such number."""
        height = self.level
        for axis, slope in self.slopes:
            value = parameters.get(axis.name)
            place = axis.place(value) if is_number(value) else None
            if place is None:
                return None
            height += slope * place
        low, high = self.seen[0] - math.log(FARTHEST), self.seen[1] + math.log(FARTHEST)
        height = min(high, max(low, height))
        return Timing(
            math.exp(height), math.exp(height + self.off[0]), math.exp(height + self.off[1]), self.runs
        )


def fit(runs: Sequence[tuple[Parameters, float]]) -> DurationCurve | None:
    """The curve that runs (their parameters, seconds) lie on; None if they lie on none.

    Matching pursuit (Mallat and Zhang 1993): what is not explained yet is explained by the one number that
    leaves the least of it, again and again, a number more than once if need be.
    """
    heights = [math.log(max(_LEAST, seconds)) for _, seconds in runs]
    columns = _columns([parameters for parameters, _ in runs])
    if not columns:
        return None
    level = statistics.fmean(heights)
    rest = [height - level for height in heights]
    slopes: dict[_Axis, float] = {}
    error = _error(rest, 0)
    for _ in range(STEPS):
        axis, slope, left = min(
            ((axis, *_explained(places, rest)) for axis, places in columns.items()),
            key=lambda step: _squares(step[2]),
        )
        found = _error(left, len({*slopes, axis}))
        if not found < WORTH_IT * error:
            break
        rest, error = left, found
        slopes[axis] = slopes.get(axis, 0.0) + slope
    if not slopes or error > OFF:
        return None
    return DurationCurve(
        level, tuple(slopes.items()), (min(rest), max(rest)), (min(heights), max(heights)), len(runs)
    )


def _columns(all_parameters: Sequence[Parameters]) -> dict[_Axis, list[float]]:
    """Of each number that all runs have, and not all the same: where the runs lie, around 0."""
    found = {}
    for name in sorted(set().union(*all_parameters)):
        values = [parameters.get(name) for parameters in all_parameters]
        numbers = [float(value) for value in values if is_number(value)]
        if len(numbers) < len(values):
            continue
        positive = min(numbers) > 0
        places = [math.log(number) if positive else math.asinh(number) for number in numbers]
        middle = statistics.fmean(places)
        places = [place - middle for place in places]
        if _squares(places) > _SAME * len(places):
            found[_Axis(name, positive, middle)] = places
    return found


def _explained(places: Sequence[float], rest: Sequence[float]) -> tuple[float, list[float]]:
    """The slope of the line through 0 that explains most of the rest, and what it leaves."""
    slope = sum(place * one for place, one in zip(places, rest, strict=True)) / _squares(places)
    return slope, [one - slope * place for place, one in zip(places, rest, strict=True)]


def _error(rest: Sequence[float], numbers: int) -> float:
    """The standard error with so many numbers explained; infinite where there are too few runs for that."""
    spare = len(rest) - numbers
    return math.sqrt(_squares(rest) / (spare - 1)) if spare >= SPARE_RUNS else math.inf


def _squares(values: Sequence[float]) -> float:
    return sum(value * value for value in values)
