"""How long runs take: what those that ended and those that still run say together."""

from __future__ import annotations

import random
import statistics

import pytest

from steelyard.rules.durations import DRAWS, Going, draw


def median(many: list[float]) -> float:
    return statistics.median(many)


def middle(many: list[float]) -> tuple[float, float]:
    """Between which eight draws of ten lie."""
    in_order = sorted(many)
    return in_order[DRAWS // 10], in_order[-1 - DRAWS // 10]


def curve(years: int, resolution: float, chance: random.Random) -> float:
    return 3.0 * years * resolution**2 * chance.lognormvariate(0.0, 0.05)


def test_numbers_explain_what_they_explain() -> None:
    chance = random.Random(1)
    ended = [
        (
            {"years": years, "resolution": resolution, "price": chance.random()},
            curve(years, resolution, chance),
        )
        for years in (10, 20, 40)
        for resolution in (1.0, 2.0, 3.0)
    ]
    found = draw(ended, [], [{"years": 40, "resolution": 4.0, "price": 0.5}])
    assert median(found.takes[0]) == pytest.approx(3.0 * 40 * 16, rel=0.1)
    low, high = middle(found.takes[0])
    assert low < 3.0 * 40 * 16 < high and high < 2 * low


def test_a_small_trial_speaks_for_runs_far_beyond_it() -> None:
    ended = [({"seconds": n}, 1.0 * n) for n in (1, 2, 3, 5)]
    found = draw(ended, [], [{"seconds": 60 + n} for n in range(6)])
    assert all(median(many) == pytest.approx(62, rel=0.3) for many in found.takes)


def test_who_still_runs_counts_and_is_not_done_because_it_is_overdue() -> None:
    ended = [({}, 60.0), ({}, 70.0)]
    alone = draw(ended, [], [{}])
    beside = draw(ended, [Going({}, 600.0)] * 6, [{}])
    assert median(alone.takes[0]) == pytest.approx(65, rel=0.2)
    # Two of eight ended after a minute, six run for ten: one that waits will take long as well.
    assert median(beside.takes[0]) > 400
    assert all(min(many) > 0 and median(many) > 60 for many in beside.left)


def test_what_its_own_progress_says_outweighs_the_past() -> None:
    ended = [({}, seconds) for seconds in (50.0, 100.0, 200.0, 400.0)]
    found = draw(ended, [Going({}, 900.0, left=100.0), Going({}, 10.0, left=990.0)], [])
    assert median(found.left[0]) == pytest.approx(100, rel=0.3)
    assert 300 < median(found.left[1]) < 1000


def test_few_runs_leave_much_open_and_many_little() -> None:
    one = middle(draw([({}, 100.0)], [], [{}]).takes[0])
    many = middle(draw([({}, 100.0 + n % 3) for n in range(30)], [], [{}]).takes[0])
    assert one[1] / one[0] > 1.5
    assert many[1] / many[0] < 1.2


def test_a_sweep_that_is_run_again_is_known_run_by_run() -> None:
    chance = random.Random(3)
    names = [f"scenario {n}" for n in range(12)]
    took = {name: chance.lognormvariate(5.0, 1.0) for name in names}
    ended = [({"scenario": name}, took[name]) for name in names]
    found = draw(ended, [], [{"scenario": name} for name in names])
    for name, many in zip(names, found.takes, strict=True):
        assert median(many) == pytest.approx(took[name], rel=0.3)
    # Not so where runs of the same parameters were seen to differ as much as any.
    ended += [({"scenario": name}, chance.lognormvariate(5.0, 1.0)) for name in names]
    again = draw(ended, [], [{"scenario": names[0]}])
    low, high = middle(again.takes[0])
    assert high > 3 * low


def test_a_few_that_take_many_times_as_long_are_expected_where_some_were_seen() -> None:
    chance = random.Random(2)
    ended = [({}, 300.0 * chance.paretovariate(1.1)) for _ in range(40)]
    found = [one for many in draw(ended, [], [{}] * 40).takes for one in many]
    assert max(found) > 20 * median(found)


def test_the_same_question_has_the_same_answer() -> None:
    ended = [({"years": 10}, 60.0), ({"years": 20}, 110.0)]
    going, waiting = [Going({"years": 40}, 10.0)], [{"years": 80}]
    assert draw(ended, going, waiting) == draw(ended, going, waiting)


@pytest.mark.parametrize(
    "odd", [{"a": 0}, {"a": -1.5}, {"a": float("inf")}, {"a": 10**400}, {"a": None}, {"a": [1]}, {"b": "x"}]
)
def test_odd_parameters_and_durations_are_no_trouble(odd: dict[str, object]) -> None:
    ended = [({"a": 1}, 0.0), (odd, 1e9), ({"a": 1}, 5.0), ({}, 1e-9)]
    found = draw(ended, [Going(odd, 0.0), Going({}, 1e12), Going(odd, 1.0, left=0.0)], [odd, {"a": 2}, {}])
    assert all(len(many) == DRAWS and min(many) >= 0.0 for many in [*found.takes, *found.left])
