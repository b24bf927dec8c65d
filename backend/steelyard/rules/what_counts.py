"""What of the parameters may explain how long a run takes: some numbers, and combinations of words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Final

from steelyard.rules.nearness import Parameters, is_number
from steelyard.rules.regression import Vector

NUMBERS: Final = 8
"""Numbers that are looked at; of more, those that go with what was seen."""

GROUPS: Final = 6
"""Combinations of words that are told apart; all others count as one."""

LEVEL: Final = 3.0
"""How far the level may be from the mean of what was seen (standard deviation of the logarithm)."""

EXPONENT: Final = 1.0
"""How steep a slope is, before anything is known: (log) seconds over (log) number."""

SPREAD: Final = 0.6
"""How far apart all the values of a number, or of the words, move runs at the most, as a rule."""

Kept = Hashable
"""Parameters as a value that can be compared."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number among the parameters. positive: all values are; middle: of their logarithms."""

    name: str
    positive: bool
    middle: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Columns:
    """One way to look at parameters: a constant, numbers, groups of words; how likely it is beforehand."""

    numbers: tuple[Number, ...] = ()
    groups: tuple[Kept, ...] = ()
    likely: float = 1.0

    @property
    def deviations(self) -> Vector:
        """How large each coefficient is, before anything was seen."""
        return [LEVEL, *(number.deviation for number in self.numbers), *[SPREAD] * len(self.groups)]

    def row(self, parameters: Parameters) -> Vector:
        """What counts of these parameters, as numbers."""
        row = [1.0]
        for number in self.numbers:
            place = _place(parameters.get(number.name), number.positive)
            row.append(0.0 if place is None else place - number.middle)
        if self.groups:
            words = _words(parameters)
            row += [1.0 if words == group else 0.0 for group in self.groups]
        return row


def models(
    ended: Sequence[tuple[Parameters, float]], going: Sequence[Parameters], waiting: Sequence[Parameters]
) -> list[Columns]:
    """All ways to look at them: nothing counts, the numbers do, the words, or both.

    ended: with the logarithm of their seconds.
    """
    everybody = [*(parameters for parameters, _ in ended), *going, *waiting]
    seen = len(ended) + len(going)
    numbers = _numbers(everybody, seen, [height for _, height in ended])
    groups = _groups(everybody, seen)
    found = [Columns()]
    if numbers:
        found.append(Columns(numbers))
    if groups:
        found += [replace(one, groups=groups) for one in found]
    return found


def kept(parameters: Parameters) -> Kept:
    """Parameters as a value that can be compared."""
    return frozenset((name, repr(value)) for name, value in parameters.items())


def _numbers(everybody: Sequence[Parameters], seen: int, heights: Sequence[float]) -> tuple[Number, ...]:
    """Those that all have, and not all alike. seen: how many of everybody have ended or run."""
    level = fmean(heights)
    found: list[tuple[float, Number]] = []
    for name in sorted(set().union(*everybody)):
        values = [parameters.get(name) for parameters in everybody]
        numbers = [number for number in map(_number, values) if number is not None]
        if len(numbers) < len(values):
            continue
        positive = min(numbers) > 0
        places = [math.log(number) if positive else math.asinh(number) for number in numbers]
        middle = fmean(places)
        # How far apart those are that were seen: what waits may lie far beyond them.
        spread = _spread(places[:seen]) or _spread(places)
        if spread:
            moves = sum(
                (place - middle) * (height - level) for place, height in zip(places, heights, strict=False)
            )
            number = Number(name, positive, middle, min(EXPONENT, SPREAD / spread))
            found.append((-abs(moves) / spread, number))
    found.sort(key=lambda one: (one[0], one[1].name))
    return tuple(number for _, number in found[:NUMBERS])


def _spread(places: Sequence[float]) -> float:
    """The standard deviation; 0 where all are alike."""
    middle = fmean(places)
    spread = math.sqrt(fmean((place - middle) ** 2 for place in places))
    return spread if spread > 1e-6 else 0.0


def _groups(everybody: Sequence[Parameters], seen: int) -> tuple[Kept, ...]:
    """Combinations of words: first those of the first `seen` of everybody, then the most frequent ones."""
    counts: dict[Kept, int] = {}
    known = set()
    for place, parameters in enumerate(everybody):
        words = _words(parameters)
        counts[words] = counts.get(words, 0) + 1
        if place < seen:
            known.add(words)
    if len(counts) < 2:
        return ()
    return tuple(sorted(counts, key=lambda words: (words not in known, -counts[words]))[:GROUPS])


def _words(parameters: Parameters) -> Kept:
    return frozenset((name, repr(value)) for name, value in parameters.items() if not is_number(value))


def _number(value: Any) -> float | None:
    """A value as a number; None for what is none, or none that a logarithm can be taken of."""
    try:
        number = float(value) if is_number(value) else math.inf
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _place(value: Any, positive: bool) -> float | None:
    number = _number(value)
    if number is None or not positive:
        return None if number is None else math.asinh(number)
    return math.log(number) if number > 0 else None
