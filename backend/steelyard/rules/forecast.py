"""Forecast: when what can start will be done with 1, 2, ... workers, and what keeps it from being sooner.

How long tasks take is drawn again and again (durations.py), each time for all of them at once, and the queue
is played through with it (playing.py), in the order in which the tasks of a sweep start (sweep_order.py).
Of some eight plays in ten the end lies between the earliest and the latest. Times are seconds from now.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.rules import durations, scheduling, sweep_order
from steelyard.rules.admission import MemoryView
from steelyard.rules.durations import DRAWS, OWN_DOUBT, Going
from steelyard.rules.nearness import Parameters
from steelyard.rules.playing import Bound, Need, Played, Room, play
from steelyard.rules.regression import Vector

EARLIEST: Final = 0.065
LATEST: Final = 0.92
"""Shares of the plays that are done by then."""

Past = Sequence[tuple[Parameters, float]]
"""Runs that ended well: their parameters and seconds."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A task that waits. kind: whose past tells how long it takes. group: tasks that may change places."""

    need: Need
    kind: str
    parameters: Parameters
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """A task that runs. kind: "" where only its own progress can tell how long it still takes."""

    need: Need
    kind: str
    going: Going


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the last of the known tasks is done with so many workers, and what bounds it."""

    workers: int
    usual: float
    earliest: float
    latest: float
    bound_by: Bound


@dataclass(frozen=True, slots=True)
class Known:
    """Tasks of which somebody knows how long they take, with DRAWS of that for each (seconds)."""

    waiting: Sequence[Waits]
    takes: Sequence[Vector]
    running: Sequence[Runs]
    left: Sequence[Vector]


def forecast(
    known: Known,
    memory: int,
    cores: int,
    most_workers: int,
    *,
    each: int = 1,
    breathe: Callable[[], None] = lambda: None,
) -> list[Outlook]:
    """One outlook for each number of workers from 1 to most_workers; [] where nothing is left to do.

    memory: bytes that waiting and running tasks share; cores likewise. each: every task of waiting stands for
    so many like it (a long queue is sampled): the others are worked off as fast as the sample was.
    breathe: called every few milliseconds of the arithmetic.
    """
    if not known.waiting and not known.running:
        return []
    running = [one.need for one in known.running]
    outlooks = []
    for workers in range(1, most_workers + 1):
        room = Room(memory, cores, workers)
        order = _order(known, room)
        waiting = [known.waiting[place].need for place in order]
        plays = []
        for number in range(DRAWS):
            breathe()
            takes = [known.takes[place][number] for place in order]
            played = play(waiting, takes, running, [left[number] for left in known.left], room)
            plays.append((played.seconds + (each - 1) * _each_more(played, takes), played.bound_by))
        outlooks.append(_outlook(workers, plays))
    return outlooks


def known(
    past: Mapping[str, Past],
    waiting: Sequence[Waits],
    running: Sequence[Runs],
    *,
    breathe: Callable[[], None] = lambda: None,
) -> Known:
    """The tasks of which it can be said how long they take, and draws of that.

    past: of each kind the runs that ended well. A task of a kind without any is left out, and so is a run
    that tells nothing itself: the forecast is then the least that can be said.
    """
    waits = [one for one in waiting if past.get(one.kind)]
    runs = [one for one in running if past.get(one.kind) or one.going.left is not None]
    takes: list[Vector] = [[] for _ in waits]
    left = [_by_itself(number, one.going) for number, one in enumerate(runs)]
    kinds = [one.kind for one in waits] + [one.kind for one in runs]
    for kind in dict.fromkeys(kind for kind in kinds if past.get(kind)):
        mine = [place for place, one in enumerate(waits) if one.kind == kind]
        going = [place for place, one in enumerate(runs) if one.kind == kind]
        drawn = durations.draw(
            past[kind],
            [runs[place].going for place in going],
            [waits[place].parameters for place in mine],
            breathe=breathe,
        )
        for place, many in zip(mine, drawn.takes, strict=True):
            takes[place] = many
        for place, many in zip(going, drawn.left, strict=True):
            left[place] = many
    return Known(waits, takes, runs, left)


def _by_itself(number: int, going: Going) -> Vector:
    """What a run still takes by its own progress alone."""
    chance, left = random.Random(number), going.left or 0.0
    offs = [OWN_DOUBT * chance.gauss(0.0, 1.0) for _ in range(DRAWS // 2)]
    return [left * math.exp(sign * off) for off in offs for sign in (1.0, -1.0)]


def _order(known: Known, room: Room) -> list[int]:
    """The places of the waiting tasks in the order in which they will start."""
    if all(one.group is None for one in known.waiting):
        return list(range(len(known.waiting)))
    usual = [statistics.median(many) for many in known.takes]
    candidates = [
        scheduling.Candidate(
            str(place),
            one.need.claim,
            "learned",
            one.need.cores,
            known_duration=usual[place],
            group=one.group,
        )
        for place, one in enumerate(known.waiting)
    ]
    running = [
        scheduling.Running(one.need.claim, one.need.claim, one.need.cores, statistics.median(left))
        for one, left in zip(known.running, known.left, strict=True)
    ]
    free = scheduling.Room(
        room.memory - sum(one.claim for one in running),
        room.cores - sum(one.cores for one in running),
        not running,
        MemoryView(room.memory, room.memory, 0),
    )
    return [int(one.task_id) for one in sweep_order.arrange(candidates, free, running, room.workers)]


def _each_more(played: Played, takes: Sequence[float]) -> float:
    """Seconds for as many tasks once more, in the midst of the queue."""
    return sum(takes) * played.emptied / played.worked if played.worked > 0 else 0.0


def _outlook(workers: int, plays: list[tuple[float, Bound]]) -> Outlook:
    plays.sort()
    seconds = [one[0] for one in plays]
    usual, bound_by = statistics.median(seconds), plays[len(plays) // 2][1]
    return Outlook(workers, usual, _share(seconds, EARLIEST), _share(seconds, LATEST), bound_by)


def _share(seconds: Sequence[float], share: float) -> float:
    """What a share of them is below, between two of them if need be."""
    place = share * (len(seconds) - 1)
    low = min(int(place), len(seconds) - 2)
    return seconds[low] + (place - low) * (seconds[low + 1] - seconds[low])
