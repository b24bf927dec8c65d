"""Footprints: what past runs say of the next one, and what they must not say."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.features import features, program_of
from steelyard.rules.footprint import (
    FIRST_MARGIN,
    LAST_MARGIN,
    ONE_ALIKE,
    WIDE_MARGIN,
    Experience,
    Footprint,
    PastRun,
    margin,
    margin_of_alike,
)
from steelyard.rules.memory_curve import MOST_GROWN
from steelyard.rules.quantities import GIB, MIB
from steelyard.rules.retry import RAISE

RESOLUTION = {"resolution": (1.0, 96.0)}


def run(peak: int, duration: float | None = 60.0, complete: bool = True, **parameters: object) -> PastRun:
    """One that did not complete was ended for want of memory."""
    return PastRun(parameters, peak, duration, complete, starved=not complete)


def known(experience: Experience, **parameters: object) -> Footprint:
    found = experience.of(parameters)
    assert found is not None
    return found


def test_nothing_is_known_before_the_first_completed_run() -> None:
    assert Experience([]).of({}) is None
    assert Experience([run(GIB, None, complete=False)]).of({}) is None


ALIKE = math.ceil(GIB * (1 + ONE_ALIKE))
"""The claim after one run of the same parameters that took 1 GiB."""


def test_one_run_of_the_same_parameters_claims_its_peak_and_a_little_more() -> None:
    found = known(Experience([run(GIB, 90.0, a=1)]), a=1)
    assert (found.claim, found.peak, found.runs, found.near) == (ALIKE, GIB, 1, True)
    assert (found.duration, found.shortest, found.longest) == (90.0, 90.0, 90.0)


def test_the_margin_shrinks_with_the_runs_and_then_stays() -> None:
    margins = [margin(runs) for runs in range(1, 40)]
    assert margins == sorted(margins, reverse=True)
    assert (margins[0], margins[19], margins[-1]) == (FIRST_MARGIN, LAST_MARGIN, LAST_MARGIN)


@pytest.mark.parametrize(
    ("mib", "expected"),
    [
        ([2048], ONE_ALIKE),
        ([2048, 2054], LAST_MARGIN),
        ([2048, 2054, 2050, 2049, 2051], LAST_MARGIN),
        ([1900, 2100], 0.21),
        ([1000, 1000, 2000, 1000], WIDE_MARGIN),
    ],
)
def test_of_runs_of_the_same_parameters_the_margin_follows_the_spread(
    mib: list[int], expected: float
) -> None:
    assert margin_of_alike([peak * MIB for peak in mib]) == pytest.approx(expected, abs=0.005)
    found = known(Experience([run(peak * MIB, a=1) for peak in mib]), a=1)
    assert found.claim == pytest.approx(max(mib) * MIB * (1 + expected), rel=0.005)


def test_what_another_version_of_the_program_took_has_a_wide_margin() -> None:
    found = known(Experience([run(GIB, a=1), run(GIB, a=1)], own=False), a=1)
    assert found.claim == GIB * 3 // 2


def test_whatever_ended_a_run_it_is_claimed_what_it_had_reached() -> None:
    timed_out = PastRun({"hours": 8760, "nodes": 10}, 1434 * MIB, None, complete=False)
    small = [run(peak * MIB, hours=hours, nodes=1) for hours, peak in ((24, 406), (48, 408), (8760, 587))]
    experience = Experience([timed_out, *small])
    for nodes in (10, 12):
        assert known(experience, hours=8760, nodes=nodes).claim >= 1434 * MIB * (1 + ONE_ALIKE)
    assert Experience([timed_out]).at_least(timed_out.parameters) == int(1434 * MIB * (1 + ONE_ALIKE))


def test_a_run_like_it_that_completed_with_less_does_not_hide_what_was_reached() -> None:
    timed_out = PastRun({"a": 1}, 700 * MIB, None, complete=False)
    assert known(Experience([run(200 * MIB, 0.4, a=1), timed_out]), a=1).claim > 700 * MIB


def test_what_explains_memory_need_not_explain_how_long_it_takes() -> None:
    took = {1: 600.0, 10: 60.0, 20: 1200.0, 30: 30.0}
    runs = [
        run(resolution * GIB, seconds + noise, resolution=resolution, years=years)
        for resolution in (1, 2, 4, 8)
        for years, seconds in took.items()
        for noise in (0.0, 1.0)
    ]
    found = known(Experience(runs), resolution=4, years=21)
    assert (found.peak, found.runs, found.near) == (4 * GIB, 8, True)
    assert (found.shortest, found.longest, found.timed) == (1200.0, 1201.0, 8)


LINEAR = [run(n * GIB, resolution=n, price=price) for n, price in ((1, 8), (4, 3), (9, 7), (30, 1))]


def test_memory_is_read_off_a_curve_before_there_are_near_runs() -> None:
    found = known(Experience(LINEAR), resolution=2, price=5)
    assert found.peak == pytest.approx(2 * GIB, rel=0.01)
    assert found.claim == pytest.approx(2.5 * GIB, rel=0.01)
    assert (found.runs, found.near) == (4, True)


def test_a_curve_says_nothing_of_a_number_that_never_varied() -> None:
    runs = [run(n * GIB, years=n, mesh=10) for n in (1, 4, 9, 30)]
    assert known(Experience(runs), years=2, mesh=10).peak < 3 * GIB
    assert known(Experience(runs), years=2, mesh=99).peak >= 30 * GIB


def test_beyond_what_was_seen_a_curve_never_says_less_than_the_most_seen() -> None:
    assert known(Experience(LINEAR), resolution=40, price=5).peak >= 40 * GIB
    assert known(Experience(LINEAR), resolution=0.5, price=5).peak == 30 * GIB


def test_beyond_in_two_numbers_at_once_the_curve_knows_their_product() -> None:
    runs = [
        run(years * mesh * GIB // 10, years=years, mesh=mesh) for years in (1, 3, 9) for mesh in (2, 5, 10)
    ]
    assert known(Experience(runs), years=18, mesh=20).peak == pytest.approx(36 * GIB, rel=0.1)


def test_a_run_that_was_ended_above_a_curve_takes_the_curves_word_away() -> None:
    below = run(5 * GIB, None, complete=False, resolution=6, price=2)
    above = run(8 * GIB, None, complete=False, resolution=6, price=2)
    assert known(Experience([*LINEAR, below]), resolution=2, price=5).peak < 3 * GIB
    assert known(Experience([*LINEAR, above]), resolution=2, price=5).peak == 30 * GIB


def test_runs_that_lie_on_no_curve_of_memory_all_count() -> None:
    runs = [run(peak * GIB, resolution=n) for n, peak in ((1, 5), (4, 1), (9, 7), (30, 2))]
    assert known(Experience(runs), resolution=2).peak == 7 * GIB


def test_a_duration_is_read_off_a_curve_before_there_are_near_runs() -> None:
    runs = [
        run(GIB, 60.0 * years, years=years, price=price) for years, price in ((1, 8), (4, 3), (9, 7), (30, 1))
    ]
    found = known(Experience(runs), years=20, price=5)
    assert found.duration == pytest.approx(1200.0)
    assert found.timed == 4


def test_runs_of_just_these_parameters_know_better_than_a_curve() -> None:
    runs = [run(GIB, 60.0 * years, years=years) for years in (1, 4, 9, 30)] + [run(GIB, 130.0, years=2)]
    assert known(Experience(runs), years=2).duration == 130.0


def test_each_word_has_a_curve_of_its_own() -> None:
    runs = [
        run(GIB, 60.0 * years * slower, years=years, solver=solver)
        for years in (1, 4, 9, 30)
        for solver, slower in (("quick", 1.0), ("thorough", 50.0))
    ]
    experience = Experience(runs)
    assert known(experience, years=20, solver="quick").duration == pytest.approx(1200.0)
    assert known(experience, years=20, solver="thorough").duration == pytest.approx(60_000.0)


def test_words_that_change_nothing_do_not_hide_a_curve() -> None:
    runs = [run(GIB, 60.0 * years, years=years, note=f"run {years}") for years in (1, 4, 9, 30)]
    assert known(Experience(runs), years=20, note="another").duration == pytest.approx(1200.0)


def test_of_like_runs_the_largest_counts_and_a_spread_counts_more() -> None:
    peaks = [GIB, GIB, GIB, 2 * GIB]
    found = known(Experience([run(peak, a=1) for peak in peaks]), a=1)
    assert found.peak == 2 * GIB
    assert found.claim == 2 * GIB * (1 + WIDE_MARGIN)


def test_runs_of_the_same_parameters_answer_alone() -> None:
    experience = Experience([run(GIB, a=1), run(4 * GIB, a=2), run(8 * GIB, a=3)])
    assert known(experience, a=1).peak == GIB
    assert known(experience, a=3).peak == 8 * GIB


def test_a_parameter_that_changes_nothing_does_not_keep_runs_apart() -> None:
    runs = [
        run(resolution * 100 * MIB, resolution=resolution, price=price)
        for resolution, price in product((4, 16, 64), (0.0, 100.0, 200.0))
    ]
    found = known(Experience(runs, RESOLUTION), resolution=16, price=500.0)
    assert 1600 * MIB <= found.peak < 1.2 * 1600 * MIB
    assert (found.runs, found.near) == (3, True)


def test_fewer_near_runs_than_three_let_all_of_them_answer() -> None:
    runs = [run(GIB, resolution=1), run(GIB, resolution=2), run(6 * GIB, resolution=90)]
    found = known(Experience(runs, RESOLUTION), resolution=50)
    assert (found.peak, found.runs, found.near) == (6 * GIB, 3, False)


def test_a_task_beyond_all_that_was_seen_is_not_starved() -> None:
    runs = [run(100 * MIB * n, resolution=n) for n in (4, 8, 16)]
    found = known(Experience(runs), resolution=64)
    assert found.peak >= 6400 * MIB


def test_growth_that_gets_steeper_is_followed_by_a_power_and_not_for_ever() -> None:
    runs = [run(10 * MIB * n**2, resolution=n) for n in (4, 8, 16)]
    assert known(Experience(runs), resolution=32).peak >= 10 * MIB * 32**2
    steep = [run(n**6, resolution=n) for n in (40, 80)]
    assert known(Experience(steep), resolution=160).peak <= 80**6 * 2**3


def test_what_lies_inside_is_not_grown() -> None:
    runs = [run(100 * MIB * n, resolution=n) for n in (4, 60)]
    assert known(Experience(runs), resolution=30).peak == 6000 * MIB


def test_a_run_that_was_ended_is_a_lower_bound_and_no_more() -> None:
    ended = run(3 * GIB, None, complete=False, a=2)
    experience = Experience([ended, run(GIB, a=1)])
    assert experience.at_least({"a": 2}) == int(3 * GIB * RAISE)
    assert known(experience, a=2).claim >= int(3 * GIB * RAISE)
    assert known(experience, a=1).claim == ALIKE


def test_lower_bounds_are_known_before_anything_completed() -> None:
    experience = Experience([run(2 * GIB, None, complete=False, a=1)])
    assert (experience.of({"a": 1}), experience.usual()) == (None, None)
    assert experience.at_least({"a": 1}) == 3 * GIB
    assert experience.at_least({"a": 2}) == 0


def test_what_all_runs_took_is_told_whatever_their_parameters() -> None:
    found = Experience([run(GIB, 10.0, a=1), run(4 * GIB, 30.0, a=2)]).usual()
    assert found is not None
    assert (found.peak, found.duration, found.runs, found.near) == (4 * GIB, 20.0, 2, False)


def test_a_lower_bound_is_forgotten_once_such_a_run_completed() -> None:
    experience = Experience([run(GIB, a=2), run(3 * GIB, None, complete=False, a=2)])
    assert experience.at_least({"a": 2}) == 0
    assert known(experience, a=2).claim == ALIKE


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["python", "model.py", "--year", "2030"], "python model.py"),
        (["/usr/bin/python3.11", "-u", "/a/model.py"], "python3.11 /a/model.py"),
        (["./solver", "0.5"], "solver"),
        (["./solver", "--tolerance=0.5", "north"], "solver"),
        ([], ""),
    ],
)
def test_a_command_is_known_by_its_program_and_script(argv: list[str], program: str) -> None:
    assert program_of("command", {"argv": argv}) == program


def test_other_simulations_are_one_kind() -> None:
    assert program_of("steel-pathway", {"argv": ["a"]}) == ""
    assert features("steel-pathway", {"a": 1}) == {"a": 1}


def test_numbers_among_arguments_are_compared_as_numbers() -> None:
    assert features("command", {"argv": ["m", "--n=30", "4", "nan", "x"]}) == {
        "0": "m",
        "1": 30.0,
        "2": 4.0,
        "3": "nan",
        "4": "x",
    }


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(-1e6, 1e6),
    st.text(max_size=3),
    st.lists(st.integers(0, 3), max_size=2),
)
PARAMETERS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
RUNS = st.lists(
    st.builds(
        lambda parameters, peak, duration, complete: PastRun(
            parameters, peak, duration if complete else None, complete, starved=not complete and peak % 2 == 0
        ),
        PARAMETERS,
        st.integers(1, 64 * GIB),
        st.floats(0, 1e6),
        st.booleans(),
    ),
    max_size=12,
)


@given(RUNS, PARAMETERS)
def test_whatever_ran_the_claim_covers_the_runs_that_answer(
    runs: list[PastRun], parameters: dict[str, object]
) -> None:
    found = Experience(runs).of(parameters)
    complete = [one for one in runs if one.complete]
    assert (found is None) == (not complete)
    if found is not None:
        assert found.claim > found.peak >= 1
        if found.beyond is None:
            assert found.claim <= 2 * MOST_GROWN * max(one.peak for one in runs)
        elif (unknown := found.unknown(0)) is not None:
            assert found.beyond.least <= unknown + 1 <= found.claim + 1
        assert found.shortest <= found.duration <= found.longest
        assert found.runs <= len(complete)


@given(RUNS.filter(lambda runs: any(one.complete for one in runs)))
def test_a_run_of_known_parameters_claims_at_least_what_it_took(runs: list[PastRun]) -> None:
    experience = Experience(runs)
    for one in runs:
        assert known(experience, **one.parameters).claim > (one.peak if one.complete else 0)


def test_near_runs_below_a_steep_climb_do_not_starve_a_larger_one() -> None:
    """All three near runs lie below it; what lies above says how steep it gets."""
    seen = {6.0: 600, 7.0: 700, 8.0: 800, 40.0: 8000, 96.0: 9000}
    runs = [run(mib * MIB, resolution=value) for value, mib in seen.items()]
    found = known(Experience(runs, RESOLUTION), resolution=18.0)
    assert found.near
    assert found.peak == (800 + (8000 - 800) * 10 // 32) * MIB
    assert found.runs == 3
    assert found.claim == found.peak * 5 // 4  # read off a curve: the margin of a single run


def test_a_curve_is_read_from_runs_that_are_alike_in_everything_else() -> None:
    runs = [run(size * value * MIB, size=size, value=value) for size in (1, 100) for value in (10, 20, 30)]
    assert known(Experience(runs), size=1, value=25).peak < 100 * MIB


def test_beyond_what_was_seen_a_square_law_with_a_fixed_part_is_followed() -> None:
    def takes(value: float) -> int:
        return int(200 + value**2 / 2) * MIB

    runs = [run(takes(value), resolution=value) for value in (2.0, 16.0, 32.0)]
    found = known(Experience(runs, RESOLUTION), resolution=48.0)
    assert takes(48.0) * 0.95 <= found.peak <= takes(48.0) * 1.3
