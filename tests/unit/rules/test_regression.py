"""A line through what was seen: found from anywhere, however little noise there is and whatever its law."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from steelyard.rules.noise import LAWS, Noise
from steelyard.rules.regression import Line, Seen, Vector, fit

DEVIATIONS = (3.0, 1.0, 1.0)


def around(line: Vector, law: Noise, scale: float, count: int, seed: int) -> list[Seen]:
    chance = random.Random(seed)
    rows = [[1.0, chance.gauss(0, 1), chance.gauss(0, 1)] for _ in range(count)]
    return [
        Seen(row, sum(map(float.__mul__, line, row)) + scale * law.at(1 - chance.random())) for row in rows
    ]


def fitted(seen: Sequence[Seen], law: Noise, scale: float) -> Line:
    """As durations.py does: each law starts from the line of the one before."""
    line = None
    for each in LAWS:
        line = fit(seen, DEVIATIONS, each, scale / each.deviation, line)
        if each is law:
            return line
    raise AssertionError


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scale", [0.03, 0.3, 1.0])
def test_the_line_is_found(law: Noise, scale: float) -> None:
    found = fitted(around([5.0, 2.0, -1.0], law, scale, 60, 1), law, scale)
    assert found.coefficients == pytest.approx([5.0, 2.0, -1.0], abs=0.5 * scale + 0.02)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("seed", range(20))
def test_little_noise_and_few_runs_send_it_nowhere(law: Noise, seed: int) -> None:
    """What was seen differs by ten times the noise that is thought of, and most of it still runs."""
    seen = around([5.0, 2.0, -1.0], LAWS[0], 0.3, 12, seed)
    seen = seen[:4] + [Seen(one.row, one.height - 0.5, longer=True) for one in seen[4:]]
    for scale in (0.03, 0.1):
        found = fitted(seen, law, scale)
        assert all(abs(one) < 15 for one in found.coefficients)


def test_what_is_only_known_to_be_longer_pulls_it_up_and_makes_it_no_less_sure() -> None:
    ended = [Seen([1.0, 0.0, 0.0], height) for height in (4.0, 4.2, 3.9)]
    alone = fit(ended, DEVIATIONS, LAWS[0], 0.5)
    beside = fit([*ended, *[Seen([1.0, 0.0, 0.0], 6.0, longer=True)] * 3], DEVIATIONS, LAWS[0], 0.5)
    below = fit([*ended, *[Seen([1.0, 0.0, 0.0], 0.0, longer=True)] * 3], DEVIATIONS, LAWS[0], 0.5)
    assert beside.coefficients[0] > alone.coefficients[0] + 0.5
    assert below.coefficients[0] == pytest.approx(alone.coefficients[0], abs=0.01)
    assert abs(beside.off([1.0, 0.0, 0.0])[0]) <= abs(alone.off([1.0, 0.0, 0.0])[0])
