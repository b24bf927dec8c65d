"""The stages of a run, which are bars one after the other: how far the whole is, from an earlier run's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST: Final = 500
"""Stages that are followed; a run of more has too many to compare."""
ALMOST: Final = 0.99
"""The most that the stages of another run can say of this one."""
_EARLY: Final = 0.05
"""Share of a run from which on its own pace says more than that of the earlier run."""
_NUMBER: Final = re.compile(r"[\d.,]+")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a run that has ended. moved: seconds until its bar stood still; lasted: until the next
    stage began, or the run ended.
    """

    title: str
    moved: float
    lasted: float


@dataclass(slots=True)
class _Seen:
    title: str
    began: float
    share: float = 0.0
    moved_at: float = 0.0


class Course:
    """The stages of a run, as they are told while it runs. Seconds count from its start."""

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def note(self, number: int, title: str, share: float, ran: float) -> None:
        """The bar of stage `number` (from 1) is at share (0 to 1). What was told of later ones was wrong."""
        del self._seen[number:]
        while len(self._seen) < min(number, MOST + 1):
            # One that was over before it could be told has no title of its own.
            known = len(self._seen) == number - 1
            # What goes before the first bar is part of its stage.
            began = ran if self._seen else 0.0
            self._seen.append(_Seen(_plain(title) if known else "", began, moved_at=ran))
        stage = self._seen[-1]
        if share > stage.share:
            stage.share, stage.moved_at = share, ran

    def ended(self, ran: float) -> tuple[Stage, ...]:
        """The stages of a run that has ended; none if it had none, or too many."""
        if len(self._seen) > MOST:
            return ()
        ends = [*(stage.began for stage in self._seen[1:]), ran]
        return tuple(
            Stage(stage.title, stage.moved_at - stage.began, max(0.0, end - stage.began))
            for stage, end in zip(self._seen, ends, strict=False)
        )

    def fraction(self, earlier: Sequence[Stage]) -> float | None:
        """How far the whole is, 0 to ALMOST, if it goes as an earlier run; None where it does not."""
        count = len(self._seen)
        total = sum(stage.lasted for stage in earlier)
        if not 0 < count <= len(earlier) or total <= 0:
            return None
        for now, then in zip(self._seen, earlier, strict=False):
            if now.title and then.title and now.title != then.title:
                return None
        before = sum(stage.lasted for stage in earlier[: count - 1])
        return min(ALMOST, (before + self._seen[-1].share * earlier[count - 1].moved) / total)


def left(fraction: float, earlier: Sequence[Stage], ran: float) -> float:
    """Seconds that a run has before it which is so far after `ran` seconds."""
    total = sum(stage.lasted for stage in earlier)
    if fraction >= _EARLY:
        total = ran / fraction
    return (1.0 - fraction) * total


def _plain(title: str) -> str:
    """A title without its numbers: they are a loss, a year, an epoch."""
    return _NUMBER.sub("#", title)
