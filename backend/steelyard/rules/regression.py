"""A line through what was seen, some of it only known to be longer: coefficients, how sure, how well it fits.

Bayesian linear regression: the most likely coefficients by Newton's method, their spread and the weight of
evidence by Laplace's approximation (MacKay 2003, chapters 27 and 28). They are few, so plain Python does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from steelyard.rules.noise import TINY, Noise

STEPS: Final = 12
CLOSE: Final = 0.01
"""A step that makes it more likely by less than this is the last."""

SHORTEST: Final = 0.01
"""A step that makes it less likely is made shorter, down to this share of it."""

Vector = list[float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What counts of a run, and its height. doubt: a variance beside the noise. longer: it is above that."""

    row: Vector
    height: float
    doubt: float = 0.0
    longer: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The most likely coefficients, the Cholesky factor of their precision, the logarithm of the evidence."""

    coefficients: Vector
    factor: list[Vector]
    evidence: float

    def off(self, chances: Sequence[float]) -> Vector:
        """How far the coefficients may be off: chances are drawn from a normal distribution, one for each."""
        return _upper(self.factor, chances)


def fit(
    seen: Sequence[Seen], deviations: Sequence[float], law: Noise, scale: float, start: Line | None = None
) -> Line:
    """The line through runs that lie around it by a law of this scale; at least one of them has ended.

    deviations: how large each coefficient is before anything was seen; the first is the level, and counts
    from the mean height of those that ended. start: a line that is not far from it.
    """
    middle = fmean(one.height for one in seen if not one.longer)
    prior = [1 / (deviation * deviation) for deviation in deviations]
    line = [0.0] * len(prior) if start is None else [start.coefficients[0] - middle, *start.coefficients[1:]]
    at = _step(seen, prior, law, scale, middle, line)
    for _ in range(STEPS):
        share = 1.0
        while True:
            further = [one + share * by for one, by in zip(line, at.step, strict=True)]
            next_at = _step(seen, prior, law, scale, middle, further)
            if next_at.likely >= at.likely or share < SHORTEST:
                break
            share /= 4
        gained = next_at.likely - at.likely
        if gained > 0:
            line, at = further, next_at
        if gained < CLOSE:
            break
    certain = sum(math.log(deviation * at.factor[i][i]) for i, deviation in enumerate(deviations))
    return Line([line[0] + middle, *line[1:]], at.factor, at.likely - certain)


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of Newton's: how likely the line is before it, how far to go, the factor of the precision."""

    likely: float
    step: Vector
    factor: list[Vector]


def _step(
    seen: Sequence[Seen], prior: Vector, law: Noise, scale: float, middle: float, line: Vector
) -> _Step:
    precision = [[0.0] * i + [weight] for i, weight in enumerate(prior)]
    pull = [-weight * one for weight, one in zip(prior, line, strict=True)]
    likely = -0.5 * sum(weight * one * one for weight, one in zip(prior, line, strict=True))
    for one in seen:
        wide = math.sqrt(scale * scale + one.doubt) if one.doubt else scale
        steep = (one.height - middle - dot(line, one.row)) / wide
        log, falls, bends = law.longer(steep) if one.longer else law.seen(steep)
        likely += log if one.longer else log - math.log(wide)
        falls, bends = falls / wide, bends / (wide * wide)
        for i, value in enumerate(one.row):
            if value:
                pull[i] += falls * value
                by, half = bends * value, precision[i]
                for j in range(i + 1):
                    half[j] += by * one.row[j]
    factor = _cholesky(precision)
    return _Step(likely, _upper(factor, _lower(factor, pull)), factor)


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """The sum of the products."""
    return sum(map(float.__mul__, one, other))


def _cholesky(half: Sequence[Vector]) -> list[Vector]:
    """The lower factor of a matrix of which the lower half is given."""
    factor: list[Vector] = []
    for i, row in enumerate(half):
        found: Vector = []
        for j in range(i):
            found.append((row[j] - dot(found[:j], factor[j][:j])) / factor[j][j])
        found.append(math.sqrt(max(TINY, row[i] - dot(found, found))))
        factor.append(found)
    return factor


def _lower(factor: Sequence[Vector], right: Sequence[float]) -> Vector:
    """x of factor * x = right."""
    found: Vector = []
    for i, row in enumerate(factor):
        found.append((right[i] - dot(row[:i], found)) / row[i])
    return found


def _upper(factor: Sequence[Vector], right: Sequence[float]) -> Vector:
    """x of factor^T * x = right."""
    found = [0.0] * len(factor)
    for i in range(len(factor) - 1, -1, -1):
        rest = sum(factor[j][i] * found[j] for j in range(i + 1, len(factor)))
        found[i] = (right[i] - rest) / factor[i][i]
    return found
