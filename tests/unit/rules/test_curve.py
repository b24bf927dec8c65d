"""Curves of what runs take: followed where the runs lie on one, and only there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.curve import FARTHEST, OFF, SPARE_RUNS, Curve, Curves, fit
from steelyard.rules.nearness import Parameters


def runs_of(law: Callable[..., float], **values: list[float]) -> list[tuple[Parameters, float]]:
    """A run for each combination of the values."""
    return [
        (dict(zip(values, one, strict=True)), law(**dict(zip(values, one, strict=True))))
        for one in product(*values.values())
    ]


YEARS = runs_of(lambda years: 60.0 * years, years=[1, 4, 10, 12])


def curve(runs: list[tuple[Parameters, float]]) -> Curve:
    found = fit(runs)
    assert found is not None
    return found


def says(runs: list[tuple[Parameters, float]], **parameters: object) -> float:
    timing = curve(runs).of(parameters)
    assert timing is not None
    return timing.usual


def test_a_duration_that_goes_with_a_number_is_known_from_four_runs() -> None:
    runs = runs_of(lambda years: 60.0 * years, years=[1, 4, 10, 12])
    assert fit(runs[:SPARE_RUNS]) is None
    assert says(runs, years=30) == pytest.approx(1800.0)
    assert says(runs, years=2.5) == pytest.approx(150.0)


def test_two_numbers_that_multiply_are_both_followed() -> None:
    runs = runs_of(lambda years, mesh: 2.0 * years * mesh**2, years=[1, 5, 20], mesh=[10, 40])
    assert says(runs, years=10, mesh=20) == pytest.approx(8000.0, rel=0.02)


def test_numbers_that_rise_together_are_told_apart() -> None:
    """The first runs of a sweep are no grid: in them years and price may rise together."""
    rng = random.Random(2)
    drawn = [(years, years * 10.0 + rng.uniform(-30.0, 30.0) + 40.0) for years in (1, 3, 5, 8, 13, 20, 25)]
    runs: list[tuple[Parameters, float]] = [
        ({"years": years, "price": price}, 60.0 * years) for years, price in drawn
    ]
    assert says(runs, years=10, price=400.0) == pytest.approx(600.0, rel=0.1)
    assert says(runs, years=10, price=40.0) == pytest.approx(600.0, rel=0.1)


def test_runs_of_one_duration_have_no_curve() -> None:
    assert fit(runs_of(lambda price: 60.0, price=[1, 2, 3, 4, 5])) is None


def test_runs_that_lie_on_no_curve_have_none() -> None:
    zigzag = {1: 600.0, 2: 20.0, 3: 900.0, 4: 30.0, 5: 700.0, 6: 10.0}
    assert fit(runs_of(lambda years: zigzag[int(years)], years=[1, 2, 3, 4, 5, 6])) is None


def test_chance_is_seldom_taken_for_a_curve() -> None:
    rng = random.Random(1)
    found = 0
    for _ in range(300):
        runs: list[tuple[Parameters, float]] = [
            ({"a": rng.uniform(1, 9), "b": rng.uniform(1, 9)}, rng.lognormvariate(4.0, 0.8)) for _ in range(6)
        ]
        found += fit(runs) is not None
    assert found <= 15


def test_how_far_runs_lie_off_is_told() -> None:
    off = iter([1.1, 0.95, 1.0, 0.9, 1.05, 1.0])
    runs = runs_of(lambda years: 60.0 * years * next(off), years=[1, 2, 4, 8, 16, 32])
    timing = curve(runs).of({"years": 10})
    assert timing is not None
    assert timing.runs == 6
    assert timing.least < timing.usual < timing.most
    assert timing.most / timing.usual < math.exp(2 * OFF)


def test_nobody_guesses_far_beyond_what_was_seen() -> None:
    runs = runs_of(lambda years: years**3.0, years=[1, 2, 3, 4])
    assert says(runs, years=1e9) == pytest.approx(64.0 * FARTHEST)
    assert says(runs, years=1e-9) == pytest.approx(1.0 / FARTHEST)


def test_a_curve_says_nothing_of_a_run_without_its_number() -> None:
    found = curve(runs_of(lambda years: 60.0 * years, years=[1, 2, 3, 4]))
    assert found.of({}) is None
    assert found.of({"years": "many"}) is None
    assert found.of({"years": True}) is None
    assert found.of({"years": 0}) is None
    assert found.of({"years": -3}) is None


def test_what_never_varied_is_not_inside_with_another_value() -> None:
    runs = [({**parameters, "mesh": 10, "solver": "quick"}, took) for parameters, took in YEARS]
    for asked, inside in (
        ({"years": 5, "mesh": 10, "solver": "quick"}, True),
        ({"years": 50, "mesh": 10, "solver": "quick"}, False),
        ({"years": 5, "mesh": 99, "solver": "quick"}, False),
        ({"years": 5, "mesh": 10, "solver": "thorough"}, False),
        ({"years": 5, "solver": "quick"}, False),
        ({"years": 5, "mesh": 10, "solver": "quick", "new": 1}, False),
    ):
        guess = curve(runs).of(asked)
        assert guess is not None and guess.inside is inside


def test_words_that_varied_and_changed_nothing_are_inside() -> None:
    runs = [({**parameters, "note": f"run {n}"}, took) for n, (parameters, took) in enumerate(YEARS)]
    guess = Curves(runs).of({"years": 5, "note": "another"})
    assert guess is not None and guess.inside


def test_each_combination_of_words_has_a_curve_of_its_own() -> None:
    runs = [
        ({**parameters, "solver": solver}, took * times)
        for parameters, took in YEARS
        for solver, times in (("quick", 1.0), ("thorough", 50.0))
    ]
    found = [Curves(runs).of({"years": 5, "solver": solver}) for solver in ("quick", "thorough")]
    assert [guess and round(guess.usual) for guess in found] == [300, 15_000]
    # Of a third one nobody knows anything: all runs together lie on no curve.
    assert Curves(runs).of({"years": 5, "solver": "huge"}) is None


def test_numbers_of_both_signs_can_be_followed() -> None:
    runs = runs_of(lambda level: 60.0 * math.exp(0.5 * math.asinh(level)), level=[-8, -1, 0, 2, 9])
    assert says(runs, level=4) == pytest.approx(60.0 * math.exp(0.5 * math.asinh(4)))


numbers = st.one_of(
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, -1]),
)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abc"), st.one_of(numbers, st.booleans(), st.text(max_size=2))),
            st.floats(0.0, 1e7),
        ),
        max_size=12,
    ),
    st.dictionaries(st.sampled_from("abcd"), numbers),
)
def test_whatever_ran_what_is_said_is_a_span_of_seconds(
    runs: list[tuple[Parameters, float]], asked: Parameters
) -> None:
    found = fit(runs)
    timing = found.of(asked) if found is not None else None
    if timing is not None:
        assert 0.0 < timing.least <= timing.usual <= timing.most < math.inf
