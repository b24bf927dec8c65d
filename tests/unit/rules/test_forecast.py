"""When all is done, with how many workers: the plays of what was drawn, and what nobody knows."""

from __future__ import annotations

import pytest

from steelyard.rules.durations import DRAWS, Going
from steelyard.rules.forecast import Known, Past, Runs, Waits, forecast, known
from steelyard.rules.playing import Need
from steelyard.rules.quantities import GIB

NEED = Need(GIB, 1)
PAST: dict[str, Past] = {"solver": [({"years": 10}, 100.0), ({"years": 10}, 101.0), ({"years": 10}, 99.0)]}


def waits(count: int, kind: str = "solver", group: str | None = None) -> list[Waits]:
    return [Waits(NEED, kind, {"years": 10}, group) for _ in range(count)]


def drawn(*takes: list[float], group: str | None = None) -> Known:
    """Tasks that wait, with what was drawn for each."""
    return Known(waits(len(takes), group=group), takes, [], [])


def test_nothing_left_and_nothing_known_have_no_outlook() -> None:
    assert forecast(known({}, [], []), GIB, 8, 4) == []
    found = known({}, waits(3), [Runs(NEED, "solver", Going({}, 5.0))])
    assert (found.waiting, found.running) == ([], [])
    assert forecast(found, GIB, 8, 4) == []


def test_eight_plays_in_ten_end_between_earliest_and_latest() -> None:
    (found,) = forecast(drawn([float(n) for n in range(DRAWS)]), GIB, 8, 1)
    inside = sum(found.earliest <= n <= found.latest for n in range(DRAWS))
    assert 0.75 <= inside / DRAWS <= 0.9
    assert found.usual == (DRAWS - 1) / 2


def test_a_sample_stands_for_all() -> None:
    whole = forecast(drawn(*[[60.0] * DRAWS] * 400), 64 * GIB, 8, 4)
    sampled = forecast(drawn(*[[60.0] * DRAWS] * 40), 64 * GIB, 8, 4, each=10)
    assert [one.usual for one in sampled] == pytest.approx([one.usual for one in whole], rel=0.01)


def test_tasks_of_a_sweep_are_played_in_the_order_in_which_they_start() -> None:
    # The long one last is done at 140 with two at a time; first, at 100.
    takes = [[40.0] * DRAWS, [40.0] * DRAWS, [100.0] * DRAWS]
    assert forecast(drawn(*takes), 64 * GIB, 8, 2)[1].usual == 140
    assert forecast(drawn(*takes, group="sweep"), 64 * GIB, 8, 2)[1].usual == 100


def test_what_runs_without_a_past_is_told_by_its_own_progress() -> None:
    found = known({}, [], [Runs(NEED, "", Going({}, 100.0, left=50.0)), Runs(NEED, "", Going({}, 9.0))])
    assert len(found.running) == 1
    (outlook,) = forecast(found, GIB, 8, 1)
    assert outlook.usual == pytest.approx(50, rel=0.1)
    assert outlook.earliest < 45 and outlook.latest > 55


def test_what_is_common_to_all_does_not_even_out_over_many() -> None:
    (few,) = forecast(known({"solver": PAST["solver"][:1]}, waits(10), []), GIB, 8, 1)
    assert (few.latest - few.earliest) / few.usual > 0.5
    past = {"solver": list(PAST["solver"]) * 10}
    (many,) = forecast(known(past, waits(10), []), GIB, 8, 1)
    assert (many.latest - many.earliest) / many.usual < 0.15
    assert many.usual == pytest.approx(1000, rel=0.02)
