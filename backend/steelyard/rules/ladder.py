"""The ladder under memory pressure: start nothing, suspend what grows, end and requeue; and down again.

Pure: it is asked once for each fresh sample of all trees and says what to do. Sizes are
bytes, growth is bytes a second, moments and durations are seconds of awake time.

Suspending loses no work, but frees nothing either: it only stops growth, within milliseconds. So growth is
suspended early and freely, and given another chance as freely; something is ended only when memory is nearly
gone although everything that grew stands still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from steelyard.rules import ladder_words as words
from steelyard.rules.pressure import (
    CRITICAL_SHARE,
    CRITICAL_TIME,
    LOW_SHARE,
    LOW_TIME,
    Level,
    Signs,
    level_of,
)
from steelyard.rules.weighing import Look, Step, Weighed, most_to_lose, to_end, to_resume

CALM: Final = 2.0
"""Seconds without pressure before anything is let go again."""

FIRST_PATIENCE: Final = 10.0
LONGEST_PATIENCE: Final = 640.0
"""Seconds without pressure before one goes on for which there is no certain room; twice as many after each
time that memory ran short by that."""

BLAMED: Final = 60.0
"""Seconds in which memory that runs short again is put down to such a try."""

STILL: Final = 10.0
"""Seconds that nobody may go on for want of memory before one is ended so that another can."""

STALLED: Final = 10.0
"""Seconds over which the system's own word is an average: what we did shows in it only then."""

LONGEST_GRACE: Final = 10.0
"""Seconds that a task which is ended may have for a checkpoint, however slowly memory goes."""

SETTLE: Final = 2.0
"""Seconds that an end may take to bring its memory back before another is ended."""

RESUME_SHARE: Final = 0.25
"""Of the guard: so much more than the guard is enough to try, and to start tasks at once."""

ONE_LOOK: Final = 0.4
"""Seconds until the next look, and until what it orders is carried out."""

ACTS: Final = 1.0
"""Seconds after which a task that was suspended stands still, on a busy machine too: until then what memory
falls by may be its last growth, and not what others take."""

STALE: Final = 2.0
"""Seconds after which the look before says nothing any more about how fast memory goes."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where we stand.

    holding: nothing starts. calm_since: since when nothing pressed. ended_at: the last end. alone: the task
    that stands still, alone, until other programs give memory back. alarms: looks in a row at which memory
    was nearly gone, or about to be. still_since: since when nobody goes on. stalled_since: since when the
    system says that programs wait for memory. patience: see FIRST_PATIENCE. tried_at: the last such try.
    suspended_at: when something was suspended last. pace: the most that one of those grew by in a second.
    seen: moment and available bytes of the look before. falls: how fast it fell in the last two stretches.
    """

    holding: bool = False
    calm_since: float | None = None
    ended_at: float = -math.inf
    alone: str | None = None
    alarms: int = 0
    still_since: float | None = None
    stalled_since: float | None = None
    patience: float = FIRST_PATIENCE
    tried_at: float = -math.inf
    suspended_at: float = -math.inf
    pace: float = 0.0
    seen: tuple[float, int] | None = None
    falls: tuple[float, float] = (0.0, 0.0)


def next_steps(
    ladder: Ladder, signs: Signs, tasks: Sequence[Weighed], now: float
) -> tuple[Ladder, list[Step]]:
    """What follows from one fresh sample: where the ladder stands now, and what is to be done, in order."""
    if not tasks:
        return _without_tasks(ladder, Look(signs, tasks, now))
    ladder = _followed(ladder, signs, now)
    look = Look(signs, tasks, now, max(0.0, min(ladder.falls)))
    level = level_of(signs, look.growth, look.fall)
    ladder = _up(ladder, look, level) if level != "normal" else _down(ladder, look)
    return ladder, look.steps


def _without_tasks(ladder: Ladder, look: Look) -> tuple[Ladder, list[Step]]:
    """Nothing of ours presses: the headroom alone says what may start."""
    if ladder.holding:
        look.steps.append(words.released(look))
    return Ladder(ended_at=ladder.ended_at), look.steps


def _followed(ladder: Ladder, signs: Signs, now: float) -> Ladder:
    """How fast memory goes. It counts when it goes for two looks in a row: one is soon over."""
    falls = (0.0, 0.0)
    if ladder.seen is not None and 0 < now - ladder.seen[0] <= STALE:
        falls = ladder.falls[1], (ladder.seen[1] - signs.available) / (now - ladder.seen[0])
    return replace(ladder, seen=(now, signs.available), falls=falls)


# --- up -------------------------------------------------------------------------------------------------


def _up(ladder: Ladder, look: Look, level: Level) -> Ladder:
    since = ladder.stalled_since if ladder.stalled_since is not None else look.now
    ladder = replace(
        ladder,
        calm_since=None,
        alarms=ladder.alarms + 1 if level in ("urgent", "critical") else 0,
        stalled_since=since if look.signs.stalled else None,
    )
    if not ladder.holding:
        ladder = replace(ladder, holding=True)
        look.steps.append(words.held(look))
    if _only_an_end_helps(ladder, look, level):
        ladder = _end(ladder, look)
    if level != "tight":
        ladder = _suspend(ladder, look, level)
    return _awaken(ladder, look, level)


def _only_an_end_helps(ladder: Ladder, look: Look, level: Level) -> bool:
    """Whether memory is nearly gone although all that grew was suspended in the look before.

    Where it is others who take it, and they took it for two looks already, there is no time for a further one
    at the very end, and half of the guard is the last moment at which an end still comes in time.
    """
    available, guard = look.signs.available, look.signs.guard
    others_take_it = available < CRITICAL_TIME * look.foreign_fall
    if len(look.tasks) == 1:
        return level in ("urgent", "critical")
    if level == "critical":
        at_the_end = others_take_it and available < CRITICAL_SHARE / 2 * guard
        return ladder.alarms > 1 or at_the_end
    if level == "urgent" and not look.growing:
        ours_stands = look.now - ladder.suspended_at >= ACTS
        return ladder.alarms > 1 and others_take_it and ours_stands and available < LOW_SHARE * guard
    return ladder.stalled_since is not None and look.now - ladder.stalled_since >= STALLED


def _suspend(ladder: Ladder, look: Look, level: Level) -> Ladder:
    """Suspend growth: all of it where memory is nearly gone or about to be, for a look at least; else until
    what still grows leaves time, and never the last one that goes on.
    """
    growing, going = look.growing, len(look.going)
    at_once = level in ("urgent", "critical")
    if not growing or (going == 1 and (not at_once or _can_wait(look, growing[0].growth))):
        return ladder
    ladder = _suspended(ladder, look)
    if len(look.tasks) == 1:
        # The kernel would end it, or worse, something else.
        look.steps.append(words.suspended_alone(look, growing[0]))
        return replace(ladder, alone=growing[0].task_id)
    chosen = growing if at_once else _enough_of(growing[: going - 1], look)
    look.steps += [words.suspended(look, task, going - len(chosen)) for task in chosen]
    return ladder


def _can_wait(look: Look, growth: float) -> bool:
    """Whether the next look still comes in time to stop the only one that goes on, if it grows so fast."""
    available, guard = look.signs.available, look.signs.guard
    left = available - ONE_LOOK * growth
    return available >= CRITICAL_SHARE * guard and left >= CRITICAL_SHARE / 2 * guard


def _enough_of(growing: Sequence[Weighed], look: Look) -> list[Weighed]:
    """As many as have to stand still, one at the least, so that the rest leaves time."""
    rate, chosen = max(look.growth, look.fall), list[Weighed]()
    for task in growing:
        chosen.append(task)
        rate -= task.growth
        if rate <= 0 or look.signs.available / rate >= LOW_TIME:
            break
    return chosen


def _suspended(ladder: Ladder, look: Look) -> Ladder:
    """Memory ran short: if that is because one was given a try, the next one waits twice as long."""
    pace = max(task.growth for task in look.growing)
    ladder = replace(ladder, suspended_at=look.now, pace=max(ladder.pace, pace))
    if look.now - ladder.tried_at > BLAMED:
        return ladder
    return replace(ladder, patience=min(LONGEST_PATIENCE, 2 * ladder.patience), tried_at=-math.inf)


def _end(ladder: Ladder, look: Look) -> Ladder:
    """End one, unless the memory of an earlier end is still to come back; then only if all is nearly gone."""
    signs, since = look.signs, look.now - ladder.ended_at
    nearly_gone = signs.available < CRITICAL_SHARE / 2 * signs.guard
    under_way = any(task.ending for task in look.tasks) or since < SETTLE
    if under_way and not (nearly_gone and since >= SETTLE / 4):
        return ladder
    victim = to_end(look)
    if victim is None:
        return ladder
    # Time for a checkpoint only as far as there is time; a suspended one would grow on meanwhile.
    grace = 0.0 if victim.suspended else max(0.0, min(LONGEST_GRACE, look.time_left / 2 - CRITICAL_TIME))
    look.steps.append(words.ended(look, victim, grace))
    look.ended.add(victim.task_id)
    return replace(ladder, ended_at=look.now, stalled_since=None)


# --- down -----------------------------------------------------------------------------------------------


def _down(ladder: Ladder, look: Look) -> Ladder:
    """After a while of calm whoever fits goes on, one after the other, and starts are let go.

    A task that does not fit goes on as well, once it has been calm for longer and there is a little to spare:
    what the others claim, they may never take, and it can be suspended again in a moment.
    """
    since = look.now if ladder.calm_since is None else ladder.calm_since
    ladder = replace(ladder, calm_since=since, alarms=0, stalled_since=None, pace=0.0)
    ladder = _awaken(ladder, look, "normal")
    calm = look.now - since
    if look.steps or calm < CALM:
        return ladder
    to_spare = look.free >= RESUME_SHARE * look.signs.guard
    fits, first = to_resume(look), most_to_lose(look.waiting)
    if fits is not None:
        look.steps.append(words.resumed(look, fits))
        return replace(ladder, calm_since=look.now, alone=None)
    if ladder.holding and (to_spare or calm >= FIRST_PATIENCE):
        look.steps.append(words.released(look))
        return replace(ladder, holding=False)
    if first is not None and to_spare and calm >= ladder.patience:
        look.steps.append(words.resumed(look, first, calm=calm))
        return replace(ladder, calm_since=look.now, tried_at=look.now, alone=None)
    if first is None and calm >= BLAMED:
        return replace(ladder, patience=FIRST_PATIENCE)
    return ladder


def _awaken(ladder: Ladder, look: Look, level: Level) -> Ladder:
    """Nobody goes on but suspended ones are there: one has to, with or without room for it.

    Where their own memory is what is short, that does not come back by itself: one tries as far as it goes,
    and the least of the others is ended after a while. One that is alone waits until the system has given
    memory back.
    """
    first = most_to_lose(look.waiting)
    if first is None or look.ended or any(task.goes_on or task.ending for task in look.tasks):
        return replace(ladder, still_since=None)
    since = look.now if ladder.still_since is None else ladder.still_since
    ladder = replace(ladder, still_since=since)
    enough = look.signs.available >= LOW_SHARE * look.signs.guard and level != "urgent"
    if level != "urgent" and look.now - since >= CALM:
        # It does not get far, but perhaps it does not want to.
        enough = enough or _can_wait(look, ladder.pace)
    if ladder.alone is not None and len(look.tasks) == 1:
        enough = look.free >= first.needs_to_go_on
    if enough:
        look.steps.append(words.resumed(look, first))
        return replace(ladder, alone=None, calm_since=None, still_since=None)
    for_another = len(look.waiting) > 1 or len(look.tasks) == 1
    return _end(ladder, look) if look.now - since >= STILL and for_another else ladder
