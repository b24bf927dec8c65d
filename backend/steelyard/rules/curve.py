"""What runs take by the numbers among their parameters, where a few of them show that it is so.

    seconds, or bytes = c * x1^b1 * x2^b2 * ...

Twice the years take twice as long, twice the resolution four times as much. That is read from the first runs
of a sweep, long before every other run of it has a neighbour (nearness.py). Where the runs do not lie on such
a curve there is none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from steelyard.rules.nearness import Parameters, is_number

SPARE_RUNS: Final = 3
"""Runs that there are beyond the numbers of a curve: on fewer, chance lies on a line too often."""

OFF: Final = 0.25
"""How far off its curve a run may lie, as a rule: the standard error of the logarithms, some 25 %."""

STEPS: Final = 12
"""Steps in which the exponents are found."""

WORTH_IT: Final = 0.9
"""A step leaves less than this share of the error, or it is none."""

FARTHEST: Final = 8.0
"""How many times more than the most that was seen, or less than the least, a guess may be."""

Words = frozenset[tuple[str, str]]

_SAME: Final = 1e-6**2
"""Mean square of the logarithms' deviations up to which all values of a number count as one."""

_LEAST: Final = 0.001
"""What an outcome counts at the least: a logarithm of 0 there is none."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a run usually takes, at the least, at the most; runs: how many that is read from.

    inside: whether each of its numbers lies between those that were seen, and what never varied is the same.
    """

    usual: float
    least: float
    most: float
    runs: int
    inside: bool = True


@dataclass(frozen=True, slots=True)
class _Axis:
    """A number as the curve sees it: its logarithm, or where not all values are positive what is like one."""

    name: str
    positive: bool
    middle: float
    span: tuple[float, float]
    """The least and the most place of a run."""

    def place(self, value: float) -> float | None:
        if not self.positive:
            return math.asinh(value) - self.middle
        return math.log(value) - self.middle if value > 0 else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve through what some runs took; fit() makes it."""

    level: float
    slopes: tuple[tuple[_Axis, float], ...]
    off: tuple[float, float]
    """The logarithms of how far the runs lie below and above it."""
    seen: tuple[float, float]
    runs: int
    settled: Mapping[str, Any]
    """What all of the runs had alike: what another value of it does nobody has seen."""
    names: frozenset[str]

    def of(self, parameters: Parameters) -> Guess | None:
        """What the curve says of a run; None where one of its numbers is missing or no such number."""
        height = self.level
        inside = self.names.issuperset(parameters) and all(
            parameters.get(name) == value for name, value in self.settled.items()
        )
        for axis, slope in self.slopes:
            value = parameters.get(axis.name)
            place = axis.place(value) if is_number(value) else None
            if place is None:
                return None
            height += slope * place
            inside = inside and axis.span[0] <= place <= axis.span[1]
        low, high = self.seen[0] - math.log(FARTHEST), self.seen[1] + math.log(FARTHEST)
        height = min(high, max(low, height))
        return Guess(
            math.exp(height),
            math.exp(height + self.off[0]),
            math.exp(height + self.off[1]),
            self.runs,
            inside,
        )


class Curves:
    """A curve for each combination of words among the parameters, and one through all runs.

    runs: their parameters and what they took.
    """

    def __init__(self, runs: Sequence[tuple[Parameters, float]], off: float = OFF) -> None:
        self._runs = runs
        self._off = off
        self._found: dict[Words, Curve | None] = {}

    def of(self, parameters: Parameters) -> Guess | None:
        """What the curve of the runs with the same words says; where they lie on none, that of all."""
        words = words_of(parameters)
        if words not in self._found:
            self._found[words] = fit(self._by_words.get(words, []), self._off) or self._common
        curve = self._found[words]
        return None if curve is None else curve.of(parameters)

    @cached_property
    def _common(self) -> Curve | None:
        return fit(self._runs, self._off)

    @cached_property
    def _by_words(self) -> dict[Words, list[tuple[Parameters, float]]]:
        found: dict[Words, list[tuple[Parameters, float]]] = {}
        for run in self._runs:
            found.setdefault(words_of(run[0]), []).append(run)
        return found


def words_of(parameters: Parameters) -> Words:
    """What of the parameters is no number, so that no curve can follow it."""
    return frozenset((name, repr(value)) for name, value in parameters.items() if not is_number(value))


def fit(runs: Sequence[tuple[Parameters, float]], off: float = OFF) -> Curve | None:
    """The curve that runs (their parameters, what they took) lie on; None if they lie on none.

    off: how far off it they may lie, as OFF says.

    Matching pursuit (Mallat and Zhang 1993): what is not explained yet is explained by the one number that
    leaves the least of it, again and again, a number more than once if need be.
    """
    heights = [math.log(max(_LEAST, took)) for _, took in runs]
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
    if not slopes or error > off:
        return None
    names = frozenset().union(*(parameters for parameters, _ in runs))
    return Curve(
        level,
        tuple(slopes.items()),
        (min(rest), max(rest)),
        (min(heights), max(heights)),
        len(runs),
        _settled([parameters for parameters, _ in runs], names),
        names,
    )


def _settled(all_parameters: Sequence[Parameters], names: Iterable[str]) -> dict[str, Any]:
    first = all_parameters[0]
    return {
        name: first.get(name)
        for name in names
        if all(parameters.get(name) == first.get(name) for parameters in all_parameters)
    }


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
            found[_Axis(name, positive, middle, (min(places), max(places)))] = places
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
