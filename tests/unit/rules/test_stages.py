"""How far a run of several bars is, where an earlier run had the same ones."""

from __future__ import annotations

import pytest

from steelyard.rules.stages import ALMOST, MOST, Course, Stage, left

EARLIER = (Stage("Load", 5, 10), Stage("Solve #", 80, 80), Stage("Write", 2, 10))


def course(*told: tuple[int, str, float, float]) -> Course:
    made = Course()
    for number, title, share, ran in told:
        made.note(number, title, share, ran)
    return made


def test_what_is_kept_of_a_run() -> None:
    run = course(
        (1, "Load", 0.5, 1), (1, "Load", 1, 3), (1, "Load", 1, 4), (2, "Solve 7", 0.1, 10), (2, "x", 1, 70)
    )
    assert run.ended(100) == (Stage("Load", 3, 10), Stage("Solve #", 60, 90))
    assert Course().ended(100) == ()


@pytest.mark.parametrize(
    ("told", "fraction"),
    [
        ([], None),
        ([(1, "Load", 0, 0)], 0),
        ([(1, "Load", 0.5, 1)], 0.025),
        # A bar that is full: what comes before the next one is not told by anything.
        ([(1, "Load", 1, 5)], 0.05),
        ([(1, "Load", 1, 5), (2, "Solve 12.5", 0.5, 30)], 0.5),
        ([(1, "Load", 1, 5), (2, "Solve 3", 1, 30), (3, "Write", 1, 99)], 0.92),
        ([(1, "Load", 1, 5), (2, "Another", 0.5, 30)], None),
        ([(1, "Load", 1, 5), (2, "Solve", 0.5, 30)], None),
        ([(2, "Solve 1", 0.5, 30)], 0.5),
        ([(4, "One more", 0.5, 30)], None),
        # It was an inner bar that comes again.
        ([(1, "Load", 0.2, 1), (2, "inner", 0.5, 2), (1, "Load", 0.6, 3)], 0.03),
    ],
)
def test_how_far_the_whole_is(told: list[tuple[int, str, float, float]], fraction: float | None) -> None:
    found = course(*told).fraction(EARLIER)
    assert found == (None if fraction is None else pytest.approx(fraction))
    assert course(*told).fraction(()) is None


def test_it_is_never_said_to_be_done() -> None:
    assert course((1, "", 1, 5)).fraction((Stage("", 5, 5),)) == ALMOST
    assert course((1, "", 1, 5)).fraction((Stage("", 0, 0),)) is None


def test_a_run_of_very_many_stages_is_not_followed() -> None:
    run = course(*((number, "", 0.5, number) for number in range(1, 2 * MOST)))
    assert run.ended(5000) == () and run.fraction([Stage("", 1, 1)] * MOST) is None


def test_how_long_it_takes_from_now_on() -> None:
    assert left(0.01, EARLIER, 50) == pytest.approx(99)
    # Its own pace, once that can be told: this one takes twice as long.
    assert left(0.5, EARLIER, 100) == pytest.approx(100)
