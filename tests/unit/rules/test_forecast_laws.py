"""The short form of scripts/bench/forecast_laws.py: in most batches the end lies where the forecast said."""

from __future__ import annotations

import statistics

import pytest

from bench.forecast_laws import LAWS, Asked, ask

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def answers() -> list[Asked]:
    """What was said on the way of some batches of each law."""
    return [one for law in LAWS for seed in SEEDS for one in ask(law, seed, (0.25, 0.5, 0.75), compare=False)]


def test_the_end_lies_between_earliest_and_latest_in_some_eight_of_ten_batches(answers: list[Asked]) -> None:
    said = [one for one in answers if one.said is not None]
    assert len(said) > 0.9 * len(answers)
    assert 0.75 <= sum(one.inside for one in said) / len(said) <= 0.95


def test_it_is_as_often_too_soon_as_too_late(answers: list[Asked]) -> None:
    off = [one.off for one in answers if one.said is not None]
    assert abs(statistics.median(off)) < 0.1
    assert 0.3 <= sum(one > 0 for one in off) / len(off) <= 0.7
