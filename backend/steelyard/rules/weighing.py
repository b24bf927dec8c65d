"""One look of the memory guard: the running tasks as it weighs them, and whom it chooses.

Pure; what is done with the chosen ones is rules.ladder's business. Sizes are bytes, growth and fall are bytes
a second, durations are seconds of awake time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from steelyard.rules.pressure import LOW_SHARE, Signs
from steelyard.rules.quantities import MIB

GROWS: Final = 4 * MIB
"""Bytes a second; what grows more slowly is not worth suspending."""

SuspendedBy = Literal["guard", "user"]
Kind = Literal["hold", "suspend", "end", "resume", "release"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A running task: its claim, what its tree uses, how fast that grows, the most that it used so far.

    reckoned: what it is reckoned with, where that is less than a claim that was a guess. unsaved: seconds of
    work since its last checkpoint, or its start: what an end loses. suspended: by whom. ending: it was asked
    to end already; its memory is about to come back.
    """

    task_id: str
    claim: int
    uses: int
    growth: float
    unsaved: float
    suspended: SuspendedBy | None = None
    ending: bool = False
    name: str = ""
    peak: int = 0
    reckoned: int | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it works: neither suspended nor about to end."""
        return self.suspended is None and not self.ending

    @property
    def still_grows_by(self) -> int:
        """Bytes that it may still take: the rest of its claim, or what it used before."""
        return max(0, max(self._kept, self.peak) - self.uses)

    @property
    def needs_to_go_on(self) -> int:
        """Bytes that it is given before it goes on."""
        return max(self.still_grows_by, reserve(self._kept, self.uses) - self.uses)

    @property
    def _kept(self) -> int:
        return self.claim if self.reckoned is None else self.reckoned

    @property
    def over(self) -> int:
        """Bytes that it uses above its claim."""
        return max(0, self.uses - self.claim)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or that was done by deciding it (hold, release).

    text: a sentence for a person. figures: what it was decided by. grace: seconds that an ended task may take
    for a checkpoint.
    """

    kind: Kind
    task_id: str | None
    text: str
    figures: dict[str, Any]
    grace: float = 0.0


@dataclass(slots=True)
class Look:
    """One look at everything. fall: what is available less, for two looks in a row, whoever takes it."""

    signs: Signs
    tasks: Sequence[Weighed]
    now: float
    fall: float = 0.0
    steps: list[Step] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    @property
    def growth(self) -> float:
        """What all tasks that go on take together in a second."""
        return sum(max(0.0, task.growth) for task in self.tasks if task.goes_on)

    @property
    def foreign_fall(self) -> float:
        """What others than our tasks take in a second."""
        return max(0.0, self.fall - self.growth)

    @property
    def time_left(self) -> float:
        """Seconds until nothing is available, at today's pace."""
        rate = max(self.growth, self.fall)
        return self.signs.available / rate if rate > 0 else math.inf

    @property
    def free(self) -> int:
        """Bytes above the guard."""
        return self.signs.available - self.signs.guard

    @property
    def waiting(self) -> list[Weighed]:
        """The tasks that the guard has suspended: what a person suspended, a person resumes."""
        return [task for task in self.tasks if task.suspended == "guard" and not task.ending]

    @property
    def going(self) -> list[Weighed]:
        """The tasks that go on, also after what was decided in this look."""
        return [task for task in self.tasks if task.goes_on and task.task_id not in self.ended]

    @property
    def growing(self) -> list[Weighed]:
        """Those of them that grow, whoever loses least by standing still first.

        That is who has outgrown its claim, for it is the others who kept to theirs, and then who has least
        done.
        """
        growing = [task for task in self.going if task.growth >= GROWS]
        return sorted(growing, key=lambda task: (not task.over, task.unsaved))

    def figures(self, **more: Any) -> dict[str, Any]:
        """What a step was decided by."""
        return {
            "available": self.signs.available,
            "guard": self.signs.guard,
            "growth": round(self.growth),
            "pressure": self.signs.pressure,
            **more,
        }


def reserve(claim: int, uses: int) -> int:
    """Bytes that a suspended task is reckoned with: its claim; once it outgrew that, 1.25 times its use."""
    return claim if uses <= claim else uses + uses // 4


def to_resume(look: Look) -> Weighed | None:
    """Whoever stands still and fits beside what the others may still take; of those the most to lose."""
    room = look.free - sum(task.still_grows_by for task in look.tasks if task.goes_on)
    fitting = [task for task in look.waiting if task.needs_to_go_on <= room]
    return most_to_lose(fitting)


def most_to_lose(tasks: Sequence[Weighed]) -> Weighed | None:
    """The one with most work unsaved; None of none."""
    return max(tasks, key=lambda task: (task.unsaved, task.task_id), default=None)


def to_end(look: Look) -> Weighed | None:
    """Whose end makes room; None where nobody may be ended. Never the last one that goes on.

    Of those whose end suffices, if there are any: first who has outgrown its claim, by seconds lost for each
    byte above it. Else by seconds lost for each byte that is wanted; more than is wanted is worth nothing.
    And who is alone ends only if it uses more than the machine could ever give: it can never finish, and the
    retry rule will say so.
    """
    signs = look.signs
    candidates = [task for task in look.tasks if not task.ending and task.uses > 0]
    if len(look.tasks) == 1:
        return next((task for task in candidates if task.uses >= signs.total - signs.guard), None)
    if len(candidates) < 2:
        return None
    going = look.going
    if len(going) == 1:
        # What stands still beside it frees memory too.
        candidates = [task for task in candidates if task is not going[0]]
    enough = LOW_SHARE * signs.guard - signs.available
    candidates = [task for task in candidates if task.uses >= enough] or candidates
    outgrown = [task for task in candidates if task.over]
    if outgrown:
        return min(outgrown, key=lambda task: (task.unsaved / task.over, -task.uses, task.task_id))
    wanted = max(1, signs.guard - signs.available)
    return min(candidates, key=lambda task: (task.unsaved / min(task.uses, wanted), -task.uses, task.task_id))
