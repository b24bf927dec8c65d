"""Forecast: when everything will be done with 1, 2, ... workers, and what keeps it from being sooner.

The queue is played through once per number of workers, from the durations that were learned and the progress
of what runs, with the claims as they are and the room that there is: the first task that fits starts when
one has ended. Times are seconds from now.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

LOOK_AHEAD: Final = 32
"""How many waiting tasks are tried when one has ended; who is further back seldom matters."""

FIRST_DOUBT: Final = 0.25
"""How far one run may be off what a single run before it took; with more runs their own range counts."""

Bound = Literal["memory", "cores", "workers", "tasks"]
"""What would have to be more for it to be sooner: tasks means that nothing would help, they are too few."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long something takes: usually, at the least, at the most (seconds)."""

    usual: float
    shortest: float
    longest: float

    @classmethod
    def learned(cls, usual: float, shortest: float, longest: float, runs: int) -> Span:
        """The span of what `runs` runs took; of few runs the range says little, so some doubt is added."""
        doubt = FIRST_DOUBT * usual / math.sqrt(runs)
        return cls(usual, max(0.0, min(shortest, usual - doubt)), max(longest, usual + doubt))


@dataclass(frozen=True, slots=True)
class Expected:
    """A task that waits or runs: its claim (bytes; of one that runs, what it frees), its cores, and how long
    it takes from now on; None if nobody knows.
    """

    claim: int
    cores: int
    takes: Span | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the last of the known tasks is done with so many workers, and what bounds it."""

    workers: int
    usual: float
    earliest: float
    latest: float
    bound_by: Bound


def forecast(
    waiting: Sequence[Expected],
    running: Sequence[Expected],
    memory: int,
    cores: int,
    most_workers: int,
    *,
    each: int = 1,
) -> list[Outlook]:
    """One outlook for each number of workers from 1 to most_workers; [] where nothing is left to do.

    waiting: in the order of the queue. memory: bytes that waiting and running tasks share; cores likewise.
    each: every task of waiting stands for so many like it (a long queue is sampled): what waits then takes
    so many times as long. Tasks of which nobody knows how long they take are left out: the answer is then the
    least that can be said, and whoever shows it has to say so.
    """
    known = [task for task in waiting if task.takes is not None]
    runs = [task for task in running if task.takes is not None]
    if not known and not runs:
        return []
    outlooks = []
    for workers in range(1, most_workers + 1):
        usual, blocked = _play(known, runs, memory, cores, workers, each, 0.0)
        # Errors of many runs after each other even out; those of the one that ends last do not.
        rounds = max(1.0, len(known) * each / workers)
        share = 1.0 / math.sqrt(rounds)
        earliest, _ = _play(known, runs, memory, cores, workers, each, -share)
        latest, _ = _play(known, runs, memory, cores, workers, each, share)
        outlooks.append(Outlook(workers, usual, min(earliest, usual), max(latest, usual), blocked))
    return outlooks


def play(
    waiting: Sequence[Expected], running: Sequence[Expected], memory: int, cores: int, workers: int
) -> float:
    """Seconds until the last is done, if the first task that fits always starts; all have to be known."""
    return _play(waiting, running, memory, cores, workers, 1, 0.0)[0]


def _lasts(task: Expected, lean: float) -> float:
    """Seconds that a task takes, `lean` of the way from the usual to the shortest (< 0) or longest (> 0)."""
    assert task.takes is not None
    takes = task.takes
    other = takes.longest if lean > 0 else takes.shortest
    return takes.usual + abs(lean) * (other - takes.usual)


def _play(
    waiting: Sequence[Expected],
    running: Sequence[Expected],
    memory: int,
    cores: int,
    workers: int,
    each: int,
    lean: float,
) -> tuple[float, Bound]:
    """Seconds until all is done, and what kept a free worker from working for the longest time."""
    ends = [(_lasts(task, lean), n, task.claim, task.cores) for n, task in enumerate(running)]
    heapq.heapify(ends)
    free = memory - sum(task.claim for task in running)
    free_cores = cores - sum(task.cores for task in running)
    queue, now, number = deque(waiting), 0.0, len(ends)
    last = max((end[0] for end in ends), default=0.0)
    idle = {"memory": 0.0, "cores": 0.0, "workers": 0.0}
    while queue:
        started, short = _start(queue, ends, free, free_cores, workers, cores)
        if started is not None:
            end = now + _lasts(started, lean) * each
            taken = min(started.cores, cores)
            heapq.heappush(ends, (end, number, started.claim, taken))
            free, free_cores, number, last = (
                free - started.claim,
                free_cores - taken,
                number + 1,
                max(last, end),
            )
            continue
        end, _, claim, taken = heapq.heappop(ends)
        idle[short] += end - now
        now, free, free_cores = end, free + claim, free_cores + taken
    bound: Bound = "tasks"
    most = max(idle, key=lambda what: idle[what])
    if idle[most] > 0:
        bound = "memory" if most == "memory" else "cores" if most == "cores" else "workers"
    return last, bound


def _start(
    queue: deque[Expected],
    ends: Sequence[object],
    free: int,
    free_cores: int,
    workers: int,
    cores: int,
) -> tuple[Expected | None, Literal["memory", "cores", "workers"]]:
    """Take the first task that fits from the queue; or None, and what is short."""
    if len(ends) >= workers:
        return None, "workers"
    if not ends:
        return queue.popleft(), "workers"
    short: Literal["memory", "cores"] = "memory"
    for place in range(min(LOOK_AHEAD, len(queue))):
        task = queue[place]
        fits, fits_cores = task.claim <= free, min(task.cores, cores) <= free_cores
        if fits and fits_cores:
            del queue[place]
            return task, "workers"
        if place == 0:
            short = "cores" if fits else "memory"
    return None, short
