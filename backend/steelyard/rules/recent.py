"""The most that a figure was in the last minute: what other programs took for a moment, they give back."""

from __future__ import annotations

from collections import deque
from typing import Final

SPAN: Final = 60.0
"""Seconds that most() looks back."""


class Recent:
    """Remembers one figure for SPAN seconds. Moments are seconds of one clock, and never fall.

    What was seen by one look alone does not count: figures that make one up are read one after the other, and
    something may have ended in between.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self._falling: deque[tuple[float, int]] = deque()
        """(moment, figure), the figures falling: one that a later one reached says nothing any more."""

    def note(self, now: float, figure: int) -> None:
        """The figure of this moment."""
        before, self._before = self._before, figure
        if before is None:
            return
        twice = min(before, figure)
        while self._falling and self._falling[-1][1] <= twice:
            self._falling.pop()
        self._falling.append((now, twice))

    def most(self, now: float) -> int | None:
        """The most that was noted in the last SPAN seconds; None if nothing was."""
        while self._falling and now - self._falling[0][0] > SPAN:
            self._falling.popleft()
        return self._falling[0][1] if self._falling else None
