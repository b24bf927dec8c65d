"""What runs of other values of a number say of the memory of a run that none of them was like.

Rather too much than too little: a claim that is too small ends in the memory guard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

STEEPEST: Final = 3.0
"""The largest exponent by which memory is thought to grow with a parameter beyond what was seen: a cube."""

MOST_GROWN: Final = 8
"""How many times the largest peak a guess beyond what was seen may be; past that nobody knows anything."""

_FAR: Final = 1e6
"""Times the largest value seen: past that no power is reckoned with."""


def expected(value: float, largest: Mapping[float, int], peak: int) -> int:
    """Bytes that a run of this value is expected to take, `peak` at the least.

    largest: value -> the largest peak seen there.
    """
    above = [seen for seen in largest if seen > value]
    below = [seen for seen in largest if seen < value]
    if value in largest or not below:
        return peak
    if above:
        return max(peak, _between(value, max(below), min(above), largest))
    return _grown(value, largest, peak)


def _between(value: float, below: float, above: float, largest: Mapping[float, int]) -> int:
    """On the straight line between two values: above every curve that climbs ever steeper."""
    share = (value - below) / (above - below)
    return int(largest[below] + (largest[above] - largest[below]) * share)


def _grown(value: float, largest: Mapping[float, int], peak: int) -> int:
    """Beyond all that was seen, by the steepest of three curves that is no steeper than a cube.

    The straight line and the power law through the two highest values, and the parabola through those and the
    lowest: it sees a climb that a part of the memory which never grows hides from the others.
    """
    if len(largest) < 2:
        return peak
    below, top = sorted(largest)[-2:]
    low, high = largest[below], largest[top]
    # A grown peak of a few per cent is noise; nothing is made of it.
    if high <= low * 1.05:
        return peak
    times = min(value / top, _FAR) if top > 0 else 0.0
    line = high + (high - low) / (top - below) * (value - top)
    power = 0.0
    if below > 0 and low > 0:
        exponent = min(STEEPEST, math.log(high / low) / math.log(top / below))
        power = high * times**exponent
    parabola = line
    lowest = min(largest)
    if lowest < below:
        bend = ((high - low) / (top - below) - (low - largest[lowest]) / (below - lowest)) / (top - lowest)
        parabola += bend * (value - top) * (value - below)
        if top > 0:
            parabola = min(parabola, high * times**STEEPEST)
    # Near the ends of what a number can be, a curve may be none.
    asked = max((curve for curve in (line, power, parabola) if not math.isnan(curve)), default=0.0)
    return max(peak, int(min(asked, MOST_GROWN * peak)))
