"""A queue played through, against schedules that can be worked out by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.playing import LOOK_AHEAD, Need, Played, Room, play
from steelyard.rules.quantities import GIB

Task = tuple[float, float, int, float]
"""Seconds, GiB, cores, seconds until it may start."""


def task(seconds: float, gib: float = 1, cores: int = 1, after: float = 0.0) -> Task:
    return seconds, gib, cores, after


def played(
    waiting: list[Task], running: list[Task], gib: float = 64, cores: int = 8, workers: int = 4
) -> Played:
    needs = [
        [Need(int(size * GIB), taken, after) for _, size, taken, after in some] for some in (waiting, running)
    ]
    takes, left = ([one[0] for one in some] for some in (waiting, running))
    return play(needs[0], takes, needs[1], left, Room(int(gib * GIB), cores, workers))


def end(*args: object, **more: object) -> tuple[float, str]:
    found = played(*args, **more)  # type: ignore[arg-type]
    return found.seconds, found.bound_by


def test_more_workers_are_sooner_until_there_are_too_few_tasks() -> None:
    assert [end([task(60)] * 4, [], workers=number) for number in range(1, 6)] == [
        (240, "workers"),
        (120, "workers"),
        (120, "workers"),
        (60, "tasks"),
        (60, "tasks"),
    ]


def test_memory_and_cores_bound_it() -> None:
    assert end([task(60, 4)] * 4, [], gib=8) == (120, "memory")
    assert end([task(60, 1, 4)] * 4, []) == (120, "cores")


def test_what_runs_holds_its_share_until_its_end() -> None:
    assert end([task(60, 4)], [task(30, 4)], gib=4, workers=1) == (90, "workers")
    assert end([task(60, 4)], [task(30, 4)], gib=4, workers=2) == (90, "memory")


def test_one_that_fits_passes_one_that_does_not() -> None:
    assert end([task(10, 8), task(30, 2)], [task(40, 4)], gib=8, workers=3) == (50, "memory")


def test_a_task_larger_than_the_room_runs_alone_and_more_cores_than_there_are_are_all() -> None:
    assert end([task(60, 99)] * 2, [], gib=8) == (120, "memory")
    assert end([task(60, 1, 99)] * 2, []) == (120, "cores")


def test_who_may_not_start_yet_starts_in_its_time_and_keeps_its_place() -> None:
    assert end([task(60, after=600)], []) == (660, "tasks")
    # However many come before it in the queue that wait for their time.
    held = [task(1, after=1000)] * (2 * LOOK_AHEAD)
    assert played([*held, task(500)], [], workers=1).emptied == 1000 + 2 * LOOK_AHEAD - 1
    # Its place is before the second, which has not started by then.
    assert played([task(10, after=5), task(20), task(40)], [], workers=1).seconds == 70
    assert played([task(10, after=5), task(20), task(40)], [], workers=1).emptied == 30


def test_how_much_was_worked_until_the_last_one_started() -> None:
    found = played([task(10)] * 5, [task(5)], workers=2)
    # One at 0, 5, 10, 15 and 20 s: two of 10 s each are under way until then.
    assert (found.seconds, found.emptied, found.worked) == (30, 20, 5 + 30 + 5)


TASKS = st.lists(
    st.tuples(st.floats(0.1, 1e5), st.floats(0.01, 20), st.integers(1, 12), st.just(0.0)), max_size=30
)


@given(TASKS, TASKS.map(lambda tasks: tasks[:4]), st.integers(1, 16), st.integers(1, 16), st.integers(1, 4))
def test_no_end_is_sooner_than_work_allows(
    waiting: list[Task], running: list[Task], gib: int, cores: int, workers: int
) -> None:
    found = played(waiting, running, gib, cores, workers)
    seconds = [one[0] for one in [*waiting, *running]]
    assert found.seconds >= max(seconds, default=0.0) - 1e-6
    assert found.seconds >= sum(seconds) / max(workers, len(running)) - 1e-6
    assert found.seconds <= sum(seconds) + 1e-6
