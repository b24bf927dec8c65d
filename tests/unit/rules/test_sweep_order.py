"""The order inside a sweep: the best of a few, and nobody else is touched by it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.admission import MemoryView
from steelyard.rules.playing import Need, play
from steelyard.rules.playing import Room as Shared
from steelyard.rules.quantities import GIB
from steelyard.rules.scheduling import Candidate, Room
from steelyard.rules.sweep_order import EXPONENTS, PLAYED, arrange

MACHINE = MemoryView(total=64 * GIB, available=64 * GIB, guard=4 * GIB)


def task(name: str, gib: float, seconds: float | None = None, group: str | None = "s") -> Candidate:
    return replace(Candidate(name, int(gib * GIB), "learned"), known_duration=seconds, group=group)


def names(queue: Sequence[Candidate], free: float = 60, workers: int = 2) -> list[str]:
    room = Room(int(free * GIB), 99, True, MACHINE)
    return [candidate.task_id for candidate in arrange(queue, room, [], workers)]


def test_the_longest_goes_first_where_memory_is_plenty() -> None:
    """Two workers, 60 GiB: long first ends after 10 s, the given order after 12."""
    assert names([task("a", 1, 2.0), task("b", 1, 2.0), task("long", 1, 10.0)])[0] == "long"


def test_the_largest_goes_first_where_memory_is_short() -> None:
    """8 GiB, two workers: a 5 and a 3 fit together, two 3 leave the two 5 to run one after the other."""
    queue = [task("s1", 3, 4.0), task("s2", 3, 4.0), task("l1", 5, 4.0), task("l2", 5, 4.0)]
    assert names(queue, free=8)[0] in ("l1", "l2")


def test_no_order_that_is_played_ends_sooner_than_the_one_taken() -> None:
    """Many small sweeps: the one power that is best differs from one to the next."""
    rng = random.Random(4)
    best = set()
    for _ in range(60):
        queue = [task(str(n), rng.choice([1, 2, 4, 8]), rng.uniform(1.0, 9.0)) for n in range(12)]
        ends = [lasts(by_power(queue, exponent)) for exponent in EXPONENTS]
        taken = lasts(arrange(queue, Room(16 * GIB, 99, True, MACHINE), [], 4))
        assert taken == min(lasts(queue), *ends)
        best.add(ends.index(min(ends)))
    assert len(best) > 4


def by_power(queue: Sequence[Candidate], exponent: float) -> list[Candidate]:
    return sorted(queue, key=lambda one: one.claim**exponent * (one.known_duration or 0.0), reverse=True)


def lasts(queue: Sequence[Candidate]) -> float:
    """Seconds on 16 GiB with four workers."""
    takes = [one.known_duration or 0.0 for one in queue]
    waiting = [Need(one.claim, one.cores) for one in queue]
    return play(waiting, takes, [], [], Shared(16 * GIB, 99, 4)).seconds


def test_an_order_that_gains_nothing_is_no_change() -> None:
    queue = [task("a", 1, 3.0), task("b", 4, 3.0), task("c", 2, 3.0)]
    assert names(queue, workers=3) == ["a", "b", "c"]


def test_of_a_long_sweep_the_usual_best_order_is_taken_unplayed() -> None:
    queue = [task(str(n), 1, float(n)) for n in range(PLAYED + 1)]
    assert names(queue) == [str(n) for n in range(PLAYED, -1, -1)]
    assert names([replace(one, known_duration=None) for one in queue]) == [one.task_id for one in queue]


def test_who_belongs_to_no_sweep_keeps_the_place_and_so_does_the_sweep() -> None:
    queue = [
        task("s1", 1, 2.0),
        task("alone", 9, 99.0, group=None),
        task("t1", 1, 2.0, group="t"),
        task("s2", 1, 2.0),
        task("s3", 1, 9.0),
        task("t2", 1, 2.0, group="t"),
        task("t3", 1, 9.0, group="t"),
    ]
    assert names(queue) == ["s3", "alone", "t3", "s1", "s2", "t1", "t2"]


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from([None, "s", "t"]), st.none() | st.floats(0, 100)),
        max_size=12,
    ),
    st.integers(0, 20),
    st.integers(0, 6),
)
def test_an_arrangement_moves_nobody_out_of_the_places_of_its_group(
    wanted: list[tuple[int, str | None, float | None]], free: int, workers: int
) -> None:
    queue = [task(str(place), gib, duration, group) for place, (gib, group, duration) in enumerate(wanted)]
    arranged = arrange(queue, Room(free * GIB, 4, True, MACHINE), [], workers)
    assert [each.group for each in arranged] == [each.group for each in queue]
    assert sorted(each.task_id for each in arranged) == sorted(each.task_id for each in queue)
    assert [each for each in arranged if each.group is None] == [each for each in queue if each.group is None]
