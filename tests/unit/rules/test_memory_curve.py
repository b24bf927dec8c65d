"""Curves of memory: rather too much than too little, never out of all proportion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.memory_curve import MOST_GROWN, expected
from steelyard.rules.quantities import MIB


def test_a_value_that_was_seen_needs_no_curve() -> None:
    assert expected(4.0, {1.0: 100, 4.0: 400, 8.0: 800}, 800) == 800


def test_below_all_that_was_seen_nothing_less_is_thought() -> None:
    assert expected(1.0, {4.0: 400, 8.0: 800}, 800) == 800


def test_between_two_values_the_straight_line_is_the_least() -> None:
    assert expected(6.0, {4.0: 400, 8.0: 800}, 500) == 600
    assert expected(6.0, {4.0: 400, 8.0: 800}, 700) == 700


@pytest.mark.parametrize("power", [1, 2, 3])
def test_beyond_what_was_seen_a_power_is_followed(power: int) -> None:
    largest = {float(n): MIB * n**power for n in (4, 8, 16)}
    assert expected(24.0, largest, largest[16.0]) >= MIB * 24**power


def test_a_fixed_part_does_not_hide_a_climb() -> None:
    largest = {float(n): 1000 * MIB + MIB * n**2 for n in (10, 20, 40)}
    assert expected(60.0, largest, largest[40.0]) >= 1000 * MIB + MIB * 60**2


def test_a_few_per_cent_are_noise() -> None:
    assert expected(90.0, {1.0: 1000, 2.0: 1010, 3.0: 1040}, 1040) == 1040


def test_one_value_makes_no_curve() -> None:
    assert expected(90.0, {1.0: 1000}, 1000) == 1000


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(
        st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 2**50), min_size=1, max_size=6
    ),
)
def test_whatever_was_seen_the_guess_is_bounded(value: float, largest: dict[float, int]) -> None:
    peak = max(largest.values())
    assert peak <= expected(value, largest, peak) <= MOST_GROWN * peak
