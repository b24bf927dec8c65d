"""The two laws of noise: what they say of their slopes is what their values do, and shares go both ways."""

from __future__ import annotations

import pytest

from steelyard.rules.noise import LAWS, Noise

STEEP = (-20.0, -4.0, -1.0, 0.0, 0.5, 2.0, 5.9, 6.1, 12.0)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("steep", STEEP)
@pytest.mark.parametrize("what", ["seen", "longer"])
def test_slope_and_bend_are_those_of_the_value(law: Noise, steep: float, what: str) -> None:
    step = 1e-4
    below, here, above = (getattr(law, what)(steep + by) for by in (-step, 0.0, step))
    assert here[1] == pytest.approx((below[0] - above[0]) / (2 * step), rel=0.01, abs=1e-4)
    assert here[2] == pytest.approx((above[1] - below[1]) / (2 * step), rel=0.05, abs=1e-2)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("share", [1e-9, 0.1, 0.5, 0.9, 1 - 1e-9])
def test_a_share_takes_longer_than_where_it_lies(law: Noise, share: float) -> None:
    assert law.above(law.at(share)) == pytest.approx(share, rel=1e-5)


def test_a_gumbel_has_many_times_as_many_that_take_very_long() -> None:
    normal, gumbel = LAWS
    far = 4.0
    assert gumbel.above(far * gumbel.deviation) > 20 * normal.above(far)
