"""Laws of memory: how runs grow with their numbers, followed far beyond those that were seen.

A part that never grows (an interpreter, a library) hides a law in small trials: 32, 33 and 34 MiB may be the
beginning of gigabytes. So each law that is no steeper than a cube and agrees with what was seen is followed
out to a task, and the least and the most that they say is the answer. Sizes are bytes.
"""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from steelyard.rules.axes import axes, correlation
from steelyard.rules.nearness import Parameters, is_number
from steelyard.rules.quantities import KIB

POWERS: Final = (1.0, 1.5, 2.0, 2.5, 3.0)
PAIRED: Final = (1.0, 2.0, 3.0)
"""The powers that are tried of one number, and of two at once."""

STEEPEST: Final = 3.0
"""Where nothing shows how, memory is thought to grow with a number by a cube at the most."""

NUMBERS: Final = 4
"""Numbers that a law is looked for in: those that explain most."""

RUNS: Final = 32
"""The newest so many runs are looked at."""

NOISE: Final = 0.002
LEAST_NOISE: Final = 128 * KIB
"""How far runs lie off their law at the least: a share of what they take, or so many bytes."""

FEW: Final = 2.0
DOUBT: Final = 3.0
"""Of few runs the best law fits by chance: so much more is reckoned with, over the runs to spare."""

ERRORS: Final = 2.0
"""Standard errors that a law may lie higher or lower where it is followed to."""

MOST: Final = float(2**62)


Shape = tuple[tuple[tuple[str, float], ...], ...]
"""The terms that are added up, each a product of powers of numbers."""


@dataclass(frozen=True, slots=True)
class _Law:
    """bytes = level + the sum of slope * (term - middle)."""

    shape: Shape
    level: float
    slopes: tuple[float, ...]
    middles: tuple[float, ...]
    inverse: tuple[tuple[float, ...], ...]
    """Of the matrix of the terms' squares and products."""
    runs: int
    off: float
    """The standard error of the runs that it is read from."""
    noise: float

    @property
    def spare(self) -> int:
        """Runs beyond what was chosen to fit them: level, slopes and powers; 1 at the least."""
        return max(1, self.runs - 1 - len(self.shape) - sum(map(len, self.shape)))

    def of(self, places: Mapping[str, float]) -> tuple[float, float]:
        """The least and the most that it says of such a run, with what it may be off there."""
        away = [_term(term, places) - middle for term, middle in zip(self.shape, self.middles, strict=True)]
        said = self.level + _dot(self.slopes, away)
        spread = sum(one * _dot(row, away) for one, row in zip(away, self.inverse, strict=True))
        errors = ERRORS + DOUBT / self.spare
        error = errors * max(self.off, self.noise) * math.sqrt(1 / self.runs + max(0.0, spread))
        return said - error, said + error


class Laws:
    """The laws that agree with some runs: their parameters, and what they took; one at the least."""

    def __init__(self, runs: Sequence[tuple[Parameters, float]]) -> None:
        self._runs = runs[:RUNS]
        self._axes = axes(self._runs)
        self._top = max(peak for _, peak in self._runs)
        self._followed: set[str] = set()
        self._laws = self._agreeing()

    def of(self, parameters: Parameters) -> tuple[float, float]:
        """The least and the most that a run takes, if it follows any law that agrees with what was seen."""
        places = {name: axis.of(parameters) for name, axis in self._axes.items()}
        said = [law.of(places) for law in self._laws]
        # Where nothing shows how it grows: no steeper than a cube of all that was seen.
        unknown = [place for name, place in places.items() if not (said and name in self._followed)]
        steepest = math.prod(max(1.0, place) ** STEEPEST for place in unknown)
        least = min((least for least, _ in said), default=self._top)
        most = max((most for _, most in said), default=self._top)
        return max(0.0, min(MOST, least)), max(0.0, min(MOST, most * steepest))

    def _agreeing(self) -> list[_Law]:
        columns = self._columns()
        laws = [law for shape in _shapes(columns) if (law := self._fitted(shape, columns)) is not None]
        best = min((max(law.off, law.noise) for law in laws), default=0.0)
        return [law for law in laws if law.off <= (1 + DOUBT / law.spare) * best]

    def _columns(self) -> dict[tuple[str, float], list[float]]:
        """Of the numbers that explain most: their places, run by run, to each power."""
        peaks = [peak for _, peak in self._runs]
        scored = []
        for name, axis in self._axes.items():
            values = [parameters.get(name) for parameters, _ in self._runs]
            places = [axis.place(float(value)) for value in values if is_number(value)]
            if axis.varied and len(places) == len(values):
                self._followed.add(name)
                scored.append((abs(correlation(places, peaks)), name, places))
        return {
            (name, power): [place**power for place in places]
            for _, name, places in sorted(scored, reverse=True)[:NUMBERS]
            for power in POWERS
        }

    def _fitted(self, shape: Shape, columns: Mapping[tuple[str, float], list[float]]) -> _Law | None:
        """The law of such a shape through the runs; None if they are too few, or show none."""
        terms = [
            [math.prod(parts) for parts in zip(*(columns[part] for part in term), strict=True)]
            for term in shape
        ]
        count = len(self._runs)
        spare = count - 1 - len(terms)
        if spare < 0:
            return None
        level = statistics.fmean(peak for _, peak in self._runs)
        middles = [statistics.fmean(term) for term in terms]
        away = [[one - middle for one in term] for term, middle in zip(terms, middles, strict=True)]
        rest = [peak - level for _, peak in self._runs]
        inverse = _inverse([[_dot(one, other) for other in away] for one in away])
        if inverse is None:
            return None
        shown = [_dot(term, rest) for term in away]
        slopes = [_dot(row, shown) for row in inverse]
        left = [
            one - sum(slope * term[run] for slope, term in zip(slopes, away, strict=True))
            for run, one in enumerate(rest)
        ]
        law = _Law(shape, level, tuple(slopes), tuple(middles), tuple(map(tuple, inverse)), count, 0.0, 0.0)
        law = replace(
            law,
            off=math.sqrt(_dot(left, left) / law.spare),
            noise=max(LEAST_NOISE, NOISE * level) * (1 + FEW / law.spare),
        )
        # No program takes less than nothing before it has begun.
        return law if law.of(dict.fromkeys(self._axes, 0.0))[1] >= 0 else None


def _term(term: tuple[tuple[str, float], ...], places: Mapping[str, float]) -> float:
    found: float = math.prod(places[name] ** power for name, power in term)
    return found


def _shapes(columns: Mapping[tuple[str, float], object]) -> Iterator[Shape]:
    for part in columns:
        yield ((part,),)
    for one, other in combinations([part for part in columns if part[1] in PAIRED], 2):
        if one[0] != other[0]:
            yield ((one, other),)
            yield ((one,), (other,))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    found: float = sum(map(operator.mul, one, other))
    return found


def _inverse(matrix: list[list[float]]) -> list[list[float]] | None:
    """Of one or two rows; None where there is none."""
    if len(matrix) == 1:
        return [[1 / matrix[0][0]]] if matrix[0][0] > 1e-12 else None
    (a, b), (c, d) = matrix
    size = a * d - b * c
    return None if size <= 1e-6 * a * d else [[d / size, -b / size], [-c / size, a / size]]
