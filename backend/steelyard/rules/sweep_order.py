"""The order inside a sweep: what ends the whole soonest goes first.

No single order does: the longest first keeps the end short, the largest area (claim x duration) first packs
memory, and which of the two matters depends on the machine and the sweep. So some orders are played through
with what is known, and the best of them is taken. (docs/scheduling.md has the figures.)
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from steelyard.rules import playing
from steelyard.rules.playing import Need
from steelyard.rules.scheduling import Candidate, Room, Running

PLAYED: Final = 64
"""Tasks of a sweep whose orders are played through, some ms in all; of more the first order is taken."""

EXPONENTS: Final = (0.5, 0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 3.0)
"""A task is sorted by claim ** exponent * seconds, the most first: from the longest (0) over the largest area
(1) to nearly the largest claim. Close ones too: in a small sweep two that change places decide."""


def arrange(
    candidates: Sequence[Candidate], room: Room, running: Sequence[Running], workers: int
) -> list[Candidate]:
    """The queue with the tasks of each group in the order that ends soonest.

    A group keeps the places that it has, so that nobody else comes sooner or later by it. Where some
    durations of a group are not known, their middle one stands in; where none is, all count alike. The given
    order stands if no other is better.
    """
    places: dict[str, list[int]] = {}
    for place, candidate in enumerate(candidates):
        if candidate.group is not None:
            places.setdefault(candidate.group, []).append(place)
    arranged = list(candidates)
    for mine in places.values():
        if len(mine) > 1:
            members = _best([candidates[place] for place in mine], room, running, workers)
            for place, member in zip(mine, members, strict=True):
                arranged[place] = member
    return arranged


def _best(members: list[Candidate], room: Room, running: Sequence[Running], workers: int) -> list[Candidate]:
    known = [each.known_duration for each in members if each.known_duration is not None]
    stand_in = statistics.median_low(known) if known else 1.0

    def takes(task: Candidate) -> float:
        return stand_in if task.known_duration is None else task.known_duration

    def sorted_by(exponent: float) -> list[Candidate]:
        return sorted(members, key=lambda task: float(task.claim) ** exponent * takes(task), reverse=True)

    if len(members) > PLAYED:
        return sorted_by(EXPONENTS[0]) if known else members
    runs = [Need(task.frees, task.cores) for task in running]
    left = [task.remaining or 0.0 for task in running]
    memory = room.headroom + sum(task.frees for task in running)
    cores = room.cores_free + sum(task.cores for task in running)
    shared = playing.Room(memory, cores, max(1, workers))

    def ends(order: list[Candidate]) -> float:
        waiting = [Need(task.claim, task.cores) for task in order]
        return playing.play(waiting, [takes(task) for task in order], runs, left, shared).seconds

    # min() takes the first of the best: a change of order that gains nothing is none.
    return min([members, *map(sorted_by, EXPONENTS)], key=ends)
