"""Play a queue through: which task starts when, if the first that fits starts as soon as one has ended.

Times are seconds from now. A forecast plays some hundred times, so a play is short and bounded.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

LOOK_AHEAD: Final = 32
"""How many waiting tasks are tried when one has ended; who is further back seldom matters."""

Bound = Literal["memory", "cores", "workers", "tasks"]
"""What would have to be more for it to be sooner: tasks means that nothing would help, they are too few."""

_Waiting = tuple[int, int, int, float]
"""Minus its place in the queue, claim, cores, seconds: sorted, the first of the queue is the last."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a task holds while it runs: its claim (bytes; of one that runs, what it frees) and its cores.

    after: seconds from now until which it may not start.
    """

    claim: int
    cores: int
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What waiting and running tasks share: bytes, cores, and how many of them may run at once."""

    memory: int
    cores: int
    workers: int


@dataclass(frozen=True, slots=True)
class Played:
    """Seconds until the last is done, and what kept a free worker from working for the longest time.

    emptied: seconds until the last waiting task started; worked: seconds of work that were done by then.
    """

    seconds: float
    bound_by: Bound
    emptied: float
    worked: float


def play(
    waiting: Sequence[Need],
    takes: Sequence[float],
    running: Sequence[Need],
    left: Sequence[float],
    room: Room,
) -> Played:
    """Play waiting tasks (in their order) and running ones until all have ended.

    takes: seconds of each waiting task from its start; left: of each running one from now.
    """
    cores, workers = room.cores, room.workers
    ends = [
        (seconds, n, task.claim, task.cores)
        for n, (task, seconds) in enumerate(zip(running, left, strict=True))
    ]
    heapq.heapify(ends)
    free = room.memory - sum(task.claim for task in running)
    free_cores = cores - sum(task.cores for task in running)
    queue: list[_Waiting] = []
    held: list[tuple[float, _Waiting]] = []
    for place, (task, seconds) in enumerate(zip(waiting, takes, strict=True)):
        entry = (-place, task.claim, min(task.cores, cores), seconds)
        if task.after > 0:
            held.append((-task.after, entry))
        else:
            queue.append(entry)
    queue.reverse()
    held.sort()
    now, number, last = 0.0, len(ends), max(left, default=0.0)
    idle: dict[Bound, float] = {"memory": 0.0, "cores": 0.0, "workers": 0.0}
    while queue or held:
        if held and -held[-1][0] <= now:
            insort(queue, held.pop()[1])
            continue
        first = -1
        short: Bound = "workers"
        if queue and (len(ends) < workers or not ends):
            first, short = _first(queue, free, free_cores, alone=not ends)
        if first >= 0:
            _, claim, taken, seconds = queue.pop(first)
            last = max(last, now + seconds)
            heapq.heappush(ends, (now + seconds, number, claim, taken))
            free, free_cores, number = free - claim, free_cores - taken, number + 1
            continue
        due = -held[-1][0] if held else None
        if due is not None and (not ends or (due < ends[0][0] and len(ends) < workers)):
            now = due
            continue
        end, _, claim, taken = heapq.heappop(ends)
        if queue:
            idle[short] += end - now
        now, free, free_cores = end, free + claim, free_cores + taken
    most = max(idle, key=lambda what: idle[what])
    worked = sum(takes) + sum(left) - sum(one[0] - now for one in ends)
    return Played(last, most if idle[most] > 0 else "tasks", now, worked)


def _first(queue: Sequence[_Waiting], free: int, free_cores: int, *, alone: bool) -> tuple[int, Bound]:
    """The place of the first task that fits, from the end of the queue; -1 for none, and what is short.

    alone: nothing runs, so the first one starts whatever it claims.
    """
    last = len(queue) - 1
    if alone:
        return last, "workers"
    for place in range(last, max(-1, last - LOOK_AHEAD), -1):
        _, claim, taken, _ = queue[place]
        if claim <= free and taken <= free_cores:
            return place, "workers"
    return -1, "cores" if queue[last][1] <= free else "memory"
