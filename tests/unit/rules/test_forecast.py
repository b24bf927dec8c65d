"""When all is done: against schedules that can be worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.forecast import Expected, Outlook, Span, forecast
from steelyard.rules.quantities import GIB


def takes(seconds: float, gib: float = 1, cores: int = 1, doubt: float = 0.0) -> Expected:
    return Expected(int(gib * GIB), cores, Span(seconds, seconds - doubt, seconds + doubt))


UNKNOWN = Expected(GIB, 1, None)


def usual(outlooks: list[Outlook]) -> list[tuple[float, str]]:
    return [(one.usual, one.bound_by) for one in outlooks]


def test_nothing_left_and_nothing_known_have_no_outlook() -> None:
    assert forecast([], [], GIB, 8, 4) == []
    assert forecast([UNKNOWN] * 3, [UNKNOWN], GIB, 8, 4) == []


def test_more_workers_are_sooner_until_there_are_too_few_tasks() -> None:
    found = forecast([takes(60)] * 4, [], 64 * GIB, 8, 5)
    assert usual(found) == [
        (240, "workers"),
        (120, "workers"),
        (120, "workers"),
        (60, "tasks"),
        (60, "tasks"),
    ]


def test_memory_and_cores_bound_it() -> None:
    assert usual(forecast([takes(60, 4)] * 4, [], 8 * GIB, 8, 4))[2:] == [(120, "memory")] * 2
    assert usual(forecast([takes(60, 1, 4)] * 4, [], 64 * GIB, 8, 4))[2:] == [(120, "cores")] * 2


def test_what_runs_holds_its_share_until_its_end() -> None:
    assert usual(forecast([takes(60, 4)], [takes(30, 4)], 4 * GIB, 8, 2)) == [(90, "workers"), (90, "memory")]


def test_one_that_fits_passes_one_that_does_not() -> None:
    waiting = [takes(10, 8), takes(30, 2)]
    assert usual(forecast(waiting, [takes(40, 4)], 8 * GIB, 8, 3))[2] == (50, "memory")


def test_a_task_larger_than_the_room_runs_alone() -> None:
    assert usual(forecast([takes(60, 99)] * 2, [], 8 * GIB, 8, 2))[1] == (120, "memory")


def test_what_nobody_knows_is_left_out() -> None:
    assert usual(forecast([UNKNOWN, takes(60)], [UNKNOWN], 8 * GIB, 8, 1)) == [(60, "tasks")]


def test_a_sample_stands_for_all() -> None:
    whole = forecast([takes(60)] * 400, [], 64 * GIB, 8, 4)
    sampled = forecast([takes(60)] * 40, [], 64 * GIB, 8, 4, each=10)
    assert [one.usual for one in whole] == pytest.approx([one.usual for one in sampled], rel=0.05)


def test_doubt_is_whole_for_one_task_and_evens_out_over_many() -> None:
    (alone,) = forecast([takes(100, doubt=20)], [], 8 * GIB, 8, 1)
    assert (alone.earliest, alone.latest) == (80, 120)
    (many,) = forecast([takes(100, doubt=20)] * 100, [], 8 * GIB, 8, 1)
    assert (many.earliest, many.latest) == pytest.approx((9800, 10200))


def test_few_runs_leave_some_doubt_and_many_their_own_range() -> None:
    assert Span.learned(100, 100, 100, 1) == Span(100, 75, 125)
    assert Span.learned(100, 60, 140, 25) == Span(100, 60, 140)
    assert Span.learned(100, 100, 100, 25) == Span(100, 95, 105)


TASKS = st.lists(
    st.builds(takes, st.floats(0.1, 1e5), st.floats(0.01, 20), st.integers(1, 12), st.just(0.05)),
    max_size=30,
)


@given(TASKS, TASKS.map(lambda tasks: tasks[:4]), st.integers(1, 16), st.integers(1, 16))
def test_no_outlook_is_sooner_than_work_allows(
    waiting: list[Expected], running: list[Expected], gib: int, cores: int
) -> None:
    found = forecast(waiting, running, gib * GIB, cores, 4)
    known = [one.takes.usual for one in [*waiting, *running] if one.takes]
    assert bool(found) == bool(known)
    for one in found:
        assert one.earliest <= one.usual <= one.latest
        assert one.usual >= max(known) - 1e-6
        at_once = max(one.workers, len(running))
        assert one.usual >= sum(known) / at_once - 1e-6
        assert one.usual <= sum(known) + 1e-6
