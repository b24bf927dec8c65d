"""How many samples of an attempt are kept, and which: in memory and on the disk by one rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_POINTS: Final = 500
"""Points kept of an attempt."""

Point = tuple[float, int, float]
"""A sample: wall clock (Unix s), memory (bytes), CPU (per cent of one core)."""


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MAX_POINTS of them, in order; of two neighbours the one with more memory stays, so peaks do."""
    kept = list(points)
    while len(kept) > MAX_POINTS:
        kept = [max(kept[i : i + 2], key=lambda point: point[1]) for i in range(0, len(kept), 2)]
    return kept
