"""The ladder under memory pressure: start nothing, suspend what grows, end and requeue; and down again.

DESIGN section 3. Pure: it is asked once for each fresh sample of all trees and says what to do. Sizes are
bytes, growth is bytes a second, moments and durations are seconds of awake time.

Suspending loses no work, but frees nothing either: it only stops growth. So growth is suspended early and
freely, down to one task that goes on; only when memory is nearly gone is something ended, and then what
loses least work for the memory that it frees, the suspended included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from steelyard.rules.pressure import (
    CRITICAL_SHARE,
    CRITICAL_TIME,
    LOW_SHARE,
    LOW_TIME,
    Level,
    Signs,
    level_of,
)
from steelyard.rules.quantities import MIB, format_duration, format_size

GROWS: Final = 4 * MIB
"""Bytes a second; what grows more slowly is not worth suspending."""

CALM: Final = 2.0
"""Seconds without pressure before anything is let go again."""

LONGEST_GRACE: Final = 10.0
"""Seconds that a task which is ended may have for a checkpoint, however slowly memory goes."""

SETTLE: Final = 2.0
"""Seconds that an end may take to bring its memory back before another is ended."""

RESUME_SHARE: Final = 0.25
"""Of the guard: so much more than the guard has to be available before starts are let go (hysteresis)."""

SuspendedBy = Literal["guard", "user"]
Kind = Literal["hold", "suspend", "end", "resume", "release"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A running task: its claim, what its tree uses, how fast that grows.

    unsaved: seconds of work since its last checkpoint, or its start: what an end loses. suspended: by whom.
    ending: it was asked to end already; its memory is about to come back.
    """

    task_id: str
    claim: int
    uses: int
    growth: float
    unsaved: float
    suspended: SuspendedBy | None = None
    ending: bool = False
    name: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it works: neither suspended nor about to end."""
        return self.suspended is None and not self.ending

    @property
    def still_grows_by(self) -> int:
        """Bytes that it may still take: the rest of its claim."""
        return max(0, self.claim - self.uses)


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


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where we stand.

    holding: nothing starts. calm_since: since when nothing pressed. ended_at: the last end. alone: the task
    that stands still, alone, until other programs give memory back.
    """

    holding: bool = False
    calm_since: float | None = None
    ended_at: float = -math.inf
    alone: str | None = None


@dataclass(slots=True)
class _Look:
    """One look at everything: what the rungs share."""

    signs: Signs
    tasks: Sequence[Weighed]
    now: float
    steps: list[Step] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    @property
    def growth(self) -> float:
        """What all tasks that go on take together in a second."""
        return sum(max(0.0, task.growth) for task in self.tasks if task.goes_on)

    @property
    def time_left(self) -> float:
        """Seconds until nothing is available, at today's growth."""
        return self.signs.available / self.growth if self.growth > 0 else math.inf

    def figures(self, **more: Any) -> dict[str, Any]:
        return {
            "available": self.signs.available,
            "guard": self.signs.guard,
            "growth": round(self.growth),
            "pressure": self.signs.pressure,
            **more,
        }


def next_steps(
    ladder: Ladder, signs: Signs, tasks: Sequence[Weighed], now: float
) -> tuple[Ladder, list[Step]]:
    """What follows from one fresh sample: where the ladder stands now, and what is to be done, in order."""
    look = _Look(signs, tasks, now)
    level = level_of(signs, look.growth)
    if not tasks:
        return _without_tasks(ladder, look, level)
    if level == "normal":
        ladder = replace(ladder, calm_since=now if ladder.calm_since is None else ladder.calm_since)
        ladder = _down(ladder, look)
    else:
        ladder = _up(replace(ladder, calm_since=None), look, level)
    return ladder, look.steps


def _without_tasks(ladder: Ladder, look: _Look, level: Level) -> tuple[Ladder, list[Step]]:
    """Nothing of ours presses: the headroom alone says what may start."""
    if ladder.holding:
        look.steps.append(_released(look))
    return Ladder(ended_at=ladder.ended_at), look.steps


# --- up -------------------------------------------------------------------------------------------------


def _up(ladder: Ladder, look: _Look, level: Level) -> Ladder:
    if not ladder.holding:
        ladder = replace(ladder, holding=True)
        text = (
            f"Memory is short: {format_size(look.signs.available)} are free, less than the "
            f"{format_size(look.signs.guard)} that are kept. No task starts until there is more."
        )
        look.steps.append(Step("hold", None, text, look.figures()))
    if level == "critical":
        ladder = _end(ladder, look)
    if level != "tight":
        ladder = _suspend(ladder, look, level)
    return _awaken(ladder, look)


def _going(look: _Look) -> list[Weighed]:
    """The tasks that go on, also after what was decided in this look."""
    return [task for task in look.tasks if task.goes_on and task.task_id not in look.ended]


def _growing(look: _Look) -> list[Weighed]:
    """The tasks that go on and grow, whoever loses least by standing still first.

    That is who has outgrown its claim, for it is the others who kept to theirs, and then who has least done.
    """
    growing = [task for task in _going(look) if task.growth >= GROWS]
    return sorted(growing, key=lambda task: (task.uses <= task.claim, task.unsaved))


def _suspend(ladder: Ladder, look: _Look, level: Level) -> Ladder:
    """Suspend growth until what still grows leaves time; the last one that goes on never, but for one case.

    The case: it is alone, and memory is nearly gone. Then it stands still until other programs give some
    back, for the kernel would end it, or worse, something else.
    """
    going = _going(look)
    rate = sum(max(0.0, task.growth) for task in going)
    for task in _growing(look):
        if len(going) <= 1:
            break
        going.remove(task)
        rate -= task.growth
        look.steps.append(_suspended(look, task, len(going)))
        if rate <= 0 or look.signs.available / rate >= LOW_TIME:
            break
    if level != "critical" or len(look.tasks) != 1 or len(going) != 1 or going[0].growth < GROWS:
        return ladder
    last = going[0]
    text = (
        f"{_named(last)} is suspended: it is alone, uses {format_size(last.uses)} and still grows, and only "
        f"{format_size(look.signs.available)} are free. It goes on when other programs have given memory "
        "back. Close some, or cancel it."
    )
    look.steps.append(Step("suspend", last.task_id, text, look.figures(uses=last.uses, claim=last.claim)))
    return replace(ladder, alone=last.task_id)


def _suspended(look: _Look, task: Weighed, left: int) -> Step:
    over = f", more than its claim of {format_size(task.claim)}," if task.uses > task.claim else ""
    others = "the other one" if left == 1 else f"the other {left}"
    text = (
        f"{_named(task)} is suspended so that {others} can finish: it uses {format_size(task.uses)}{over} "
        f"and grows by {format_size(int(task.growth))} a second, and {format_size(look.signs.available)} are "
        "free. Its memory stays taken; it goes on when there is room."
    )
    figures = look.figures(uses=task.uses, claim=task.claim, task_growth=round(task.growth))
    return Step("suspend", task.task_id, text, figures)


def _end(ladder: Ladder, look: _Look) -> Ladder:
    """End the one with the least work lost for the memory that it frees; never the last one.

    Nothing is ended while the memory of an earlier end is still to come back, unless all is nearly gone. And
    the last one is ended after all if it alone uses more than the machine could ever give: it can never
    finish, and the retry rule will say so.
    """
    signs = look.signs
    nearly_gone = signs.available < CRITICAL_SHARE / 2 * signs.guard
    if look.now - ladder.ended_at < (SETTLE / 4 if nearly_gone else SETTLE):
        return ladder
    if any(task.ending for task in look.tasks) and not nearly_gone:
        return ladder
    candidates = [task for task in look.tasks if not task.ending and task.uses > 0]
    if not candidates or (len(candidates) == 1 and len(look.tasks) > 1):
        return ladder
    going = _going(look)
    if len(going) == 1 and len(candidates) > 1:
        # The last one running is left alone; what stands still beside it frees memory too.
        candidates = [task for task in candidates if task is not going[0]]
    largest = signs.total - signs.guard
    if len(look.tasks) == 1:
        (victim,) = candidates
        if victim.uses < largest:
            return ladder
        text = (
            f"{_named(victim)} was ended: it uses {format_size(victim.uses)}, more than the "
            f"{format_size(largest)} that this machine can give a task."
        )
    else:
        victim = min(candidates, key=lambda task: (task.unsaved / task.uses, -task.uses, task.task_id))
        text = (
            f"{_named(victim)} was ended to free {format_size(victim.uses)}: only "
            f"{format_size(signs.available)} were free. It loses {format_duration(victim.unsaved)} of work, "
            "the least for its memory, and is tried again with a larger claim."
        )
    # Time for a checkpoint only as far as there is time; a suspended one would grow on meanwhile.
    grace = 0.0 if victim.suspended else max(0.0, min(LONGEST_GRACE, look.time_left / 2 - CRITICAL_TIME))
    figures = look.figures(uses=victim.uses, claim=victim.claim, unsaved=round(victim.unsaved, 1))
    look.steps.append(Step("end", victim.task_id, text, figures, grace))
    look.ended.add(victim.task_id)
    return replace(ladder, ended_at=look.now)


# --- down -----------------------------------------------------------------------------------------------


def _down(ladder: Ladder, look: _Look) -> Ladder:
    """After a while of calm: resume one after the other as there is room, then let starts go."""
    if not ladder.holding:
        return ladder
    ladder = _awaken(ladder, look)
    if look.steps or ladder.calm_since is None or look.now - ladder.calm_since < CALM:
        return ladder
    waiting = _ours(look)
    free = look.signs.available - look.signs.guard
    if waiting:
        promised = sum(task.still_grows_by for task in look.tasks if task.goes_on)
        first = max(waiting, key=lambda task: (task.unsaved, task.task_id))
        if free - promised >= _room_to_go_on(first):
            look.steps.append(_resumed(look, first))
            return replace(ladder, calm_since=look.now)
        return ladder
    if free >= RESUME_SHARE * look.signs.guard:
        look.steps.append(_released(look))
        return Ladder(ended_at=ladder.ended_at)
    return ladder


def _awaken(ladder: Ladder, look: _Look) -> Ladder:
    """Nobody goes on but suspended ones are there: one has to, with or without room for it.

    Without room (their own memory is what is short) the least of the others is ended first; one that is
    alone waits until the system has given memory back.
    """
    waiting = _ours(look)
    if look.ended or not waiting or any(task.goes_on or task.ending for task in look.tasks):
        return ladder
    enough = look.signs.available >= LOW_SHARE * look.signs.guard
    first = max(waiting, key=lambda task: (task.unsaved, task.task_id))
    if ladder.alone is not None and len(look.tasks) == 1:
        enough = look.signs.available - look.signs.guard >= _room_to_go_on(first)
    if enough:
        look.steps.append(_resumed(look, first))
        return replace(ladder, alone=None, calm_since=None)
    return _end(ladder, look) if len(waiting) > 1 else ladder


def _ours(look: _Look) -> list[Weighed]:
    """The tasks that the guard has suspended: what a person suspended, a person resumes."""
    return [task for task in look.tasks if task.suspended == "guard" and not task.ending]


def _room_to_go_on(task: Weighed) -> int:
    """Bytes that a suspended task is given before it goes on: the rest of its claim, or a quarter of its use
    once it has outgrown that.
    """
    return task.still_grows_by or task.uses // 4


def _resumed(look: _Look, task: Weighed) -> Step:
    text = f"{_named(task)} goes on: {format_size(look.signs.available)} are free again."
    return Step("resume", task.task_id, text, look.figures(uses=task.uses, claim=task.claim))


def _released(look: _Look) -> Step:
    text = f"Memory is free again ({format_size(look.signs.available)}); tasks start as before."
    return Step("release", None, text, look.figures())


def _named(task: Weighed) -> str:
    return f"Task {task.name or task.task_id}"
