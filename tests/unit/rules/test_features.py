"""Parameters as they are compared, also those that no arithmetic could follow."""

from __future__ import annotations

import math
from typing import Any

import pytest

from steelyard.rules.features import features
from steelyard.rules.footprint import Experience, PastRun
from steelyard.rules.level import LevelRun, provisional
from steelyard.rules.quantities import GIB


@pytest.mark.parametrize("huge", [10**400, -(10**400), 1e300, -1e300, math.inf, math.nan])
def test_a_number_that_leaves_the_arithmetic_is_compared_as_a_word(huge: float) -> None:
    values: list[Any] = [huge, -1e300, 1e300, 10**309, 3, 7, 1e-300]
    runs = [PastRun(features("model", {"limit": value, "n": 2.0}), GIB, 60.0) for value in values]
    experience = Experience(runs)
    experience.prepare()
    for value in values:
        asked = features("model", {"limit": value, "n": 2.0})
        found = experience.of(asked)
        assert found is not None and found.peak >= GIB
        assert provisional([LevelRun(runs[0].parameters, GIB)], asked) is not None
    assert isinstance(features("command", {"argv": ["solver", "--limit=1e300"]})["1"], str)


def test_other_numbers_are_compared_as_numbers() -> None:
    assert features("model", {"n": 2**70, "x": -1e100, "on": True}) == {"n": 2**70, "x": -1e100, "on": True}
    assert features("command", {"argv": ["solver", "--n=30"]}) == {"0": "solver", "1": 30.0}


def test_lists_are_compared_whole_however_long_they_are() -> None:
    prices = [float(hour) for hour in range(8760)]
    same, other = (features("model", {"prices": each}) for each in ([*prices], [*prices[:-1], 0.0]))
    assert features("model", {"prices": prices}) == same != other
    assert len(same["prices"]) < 100
