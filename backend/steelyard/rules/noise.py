"""How runs of the same parameters differ: two laws of what is left of the logarithm of their seconds.

`steep` counts deviations above the middle. seen() and longer() answer the logarithm of how likely it is, how
that falls and how it bends (its first and second derivative, with the sign turned), as Newton's method wants
it.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final, Protocol

TINY: Final = 1e-12
_FAR: Final = 6.0
_STEEPEST: Final = 40.0
_ROOT: Final = 0.5 * math.log(2 * math.pi)
_NORMAL: Final = NormalDist()

Likely = tuple[float, float, float]


class Noise(Protocol):
    """A law. likely: how likely it is before anything was seen; deviation: its standard deviation."""

    likely: float
    deviation: float

    def seen(self, steep: float) -> Likely:
        """Of a run that took just this."""

    def longer(self, steep: float) -> Likely:
        """Of a run of which only this is known: it takes longer."""

    def above(self, steep: float) -> float:
        """The share of runs that take longer."""

    def at(self, above: float) -> float:
        """Where this share of the runs take longer."""


class Normal:
    """Too long and too short alike."""

    likely = 0.6
    deviation = 1.0

    def seen(self, steep: float) -> Likely:
        return -_ROOT - 0.5 * steep * steep, steep, 1.0

    def longer(self, steep: float) -> Likely:
        if steep > _FAR:
            return -_ROOT - 0.5 * steep * steep - math.log(steep), steep + 1 / steep, 1.0
        share = self.above(steep)
        falls = math.exp(-_ROOT - 0.5 * steep * steep) / share
        return math.log(share), falls, falls * (falls - steep)

    def above(self, steep: float) -> float:
        return 0.5 * math.erfc(steep / math.sqrt(2))

    def at(self, above: float) -> float:
        return -_NORMAL.inv_cdf(min(1 - TINY, max(TINY, above)))


class Gumbel:
    """Most take about the same, and a few many times as long: seconds have the tail of Pareto's law."""

    likely = 0.4
    deviation = math.pi / math.sqrt(6)

    def seen(self, steep: float) -> Likely:
        bends = math.exp(min(_STEEPEST, -steep))
        return -steep - bends, 1 - bends, bends

    def longer(self, steep: float) -> Likely:
        bend = math.exp(min(_STEEPEST, -steep))
        if bend > 30:
            return 0.0, 0.0, 0.0
        if bend < 1e-6:
            return -steep, 1.0, bend / 2
        grown = math.expm1(bend)
        bends = bend * (bend * (grown + 1) - grown) / (grown * grown)
        return math.log(-math.expm1(-bend)), bend / grown, bends

    def above(self, steep: float) -> float:
        return -math.expm1(-math.exp(min(_STEEPEST, -steep)))

    def at(self, above: float) -> float:
        return -math.log(-math.log1p(-min(1 - TINY, max(TINY, above))))


LAWS: Final[tuple[Noise, ...]] = (Normal(), Gumbel())
