"""Steps that are made turn after turn: one that fails is told, and takes no other along."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from steelyard.rules.errors import StorageFull
from steelyard.store import faults
from steelyard.supervisor import notices
from steelyard.supervisor.guarding import safely
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

LOG_AGAIN = 60.0
"""Seconds until a fault that lasts is logged again."""
TELL_AGAIN = 600.0
"""Seconds until a person is told again that the same step fails."""


@dataclass(slots=True)
class _Failing:
    since: float
    logged: float
    text: str


class Steps:
    """Which steps fail now, and since when; times are awake time in seconds."""

    def __init__(self, yard: Yard, again: str = "every second") -> None:
        """again: when a step that failed is tried again, for the sentence that tells of it."""
        self._yard = yard
        self._again = again
        self._failing: dict[str, _Failing] = {}
        self._told: dict[str, float] = {}

    async def make(self, what: str, step: Callable[[], Awaitable[object] | object]) -> bool:
        """Make a step; whether it worked. A fault of ours is logged, and a notice tells of it.

        What the disk refuses, the database's condition tells.
        """
        try:
            made = step()
            if isinstance(made, Awaitable):
                await made
        except Exception as error:
            told = error
            safely(f"telling of a fault in {what}", lambda: self._failed(what, told), None)
            return False
        if self._failing.pop(what, None) is not None:
            log.warning("%s works again", what)
        return True

    def failing_for(self, what: str) -> float:
        """For how many seconds a fault of ours has kept this step from working; 0 if it works."""
        failing = self._failing.get(what)
        return 0.0 if failing is None else self._yard.clocks.awake() - failing.since

    def _failed(self, what: str, error: Exception) -> None:
        if isinstance(error, StorageFull | sqlite3.Error):
            self._yard.database.condition.met(error)
            if isinstance(error, StorageFull) or faults.kind_of(error) is not faults.Kind.OURS:
                return
        now, text = self._yard.clocks.awake(), f"{type(error).__name__}: {error}"
        failing = self._failing.setdefault(what, _Failing(now, now - LOG_AGAIN, text))
        if failing.text != text or now - failing.logged >= LOG_AGAIN:
            failing.text, failing.logged = text, now
            log.error("%s failed; it is tried again %s", what, self._again, exc_info=error)
        if now - self._told.get(what, now - TELL_AGAIN) >= TELL_AGAIN:
            self._told[what] = now
            sentence = (
                f"{what[0].upper()}{what[1:]} failed by a fault of Steelyard's own ({text}). It tries again "
                f"{self._again}; its log says more."
            )
            notices.give(self._yard, "fault", sentence, step=what)
