"""Level memory: when a task counts as level, and what that says of it and of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.level import LEVEL_FOR, Level, LevelRun, provisional, reckoned
from steelyard.rules.quantities import GIB, MIB


def level_after(samples: list[tuple[float, int]], until: float, usual: float | None = None) -> bool:
    """Whether it is level at last; samples: seconds, MiB."""
    level, peak, before = Level(), 0, (0.0, 0)
    for second, mib in samples:
        peak = max(peak, mib * MIB)
        growth = (mib - before[1]) * MIB / max(0.25, second - before[0])
        level.note(second, peak, growth)
        before = second, mib
    return level.is_level(until, usual)


RISES = [(second, 100 * second) for second in range(1, 21)]
FLAT = [(second, 2000 + second % 3) for second in range(21, 200)]
SAWTOOTH = [(second, 200 if second % 10 else 1600) for second in range(1, 200)]
LATE = [*[(second, 300) for second in range(1, 90)], (90, 2000), (91, 2001)]
CREEPS = [(second, 1000 + 3 * second) for second in range(1, 200)]
LEAKS = [(second, 1000 + 20 * second) for second in range(1, 200)]


@pytest.mark.parametrize(
    ("samples", "until", "usual", "expected"),
    [
        (RISES, 21.0, None, False),
        (RISES, 20.0 + LEVEL_FOR, None, True),
        (RISES + FLAT, 20.0 + LEVEL_FOR, None, True),
        (RISES + FLAT, 20.0 + LEVEL_FOR, 14 * 3600.0, False),
        (RISES + FLAT, 200.0, 1000.0, True),
        (SAWTOOTH, 200.0, None, True),
        (LATE, 89.0, None, False),
        (LATE, 90.0 + LEVEL_FOR, None, True),
        (CREEPS, 200.0, None, True),
        (LEAKS, 200.0, None, False),
        ([], 900.0, None, False),
    ],
)
def test_a_task_is_level_once_its_peak_has_stood_for_long(
    samples: list[tuple[float, int]], until: float, usual: float | None, expected: bool
) -> None:
    assert level_after(samples, until, usual) == expected


@pytest.mark.parametrize(
    ("claim", "peak", "known", "expected"),
    [
        (8 * GIB, 2 * GIB, 0, 3 * GIB),
        (8 * GIB, 2 * GIB, 6 * GIB, 6 * GIB),  # others like it took more later
        (8 * GIB, 7 * GIB, 0, 8 * GIB),
        (8 * GIB, 9 * GIB, 0, 9 * GIB),
    ],
)
def test_what_is_level_is_reckoned_with_half_more_than_it_took(
    claim: int, peak: int, known: int, expected: int
) -> None:
    assert reckoned(claim, peak, known) == expected


RUN = LevelRun({"mesh": 10, "price": 0, "solver": "quick"}, 2 * GIB)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"mesh": 10, "price": 0, "solver": "quick"}, 3 * GIB),
        ({"mesh": 15, "price": 0, "solver": "thorough"}, 3 * GIB),
        ({"mesh": 4, "price": -7}, 3 * GIB),
        ({"mesh": 40, "price": 0}, 12 * GIB),
        ({"mesh": 10, "price": 100}, 6 * GIB),
        ({"mesh": 10, "other": 5}, 3 * GIB),
    ],
)
def test_runs_like_one_that_is_level_claim_half_more_than_it_takes(
    parameters: dict[str, object], expected: int
) -> None:
    found = provisional([RUN], parameters)
    assert found is not None
    assert (found.alike, found.claim(64 * GIB)) == (3 * GIB, expected)
    assert found.claim(GIB) == 3 * GIB


def test_of_several_that_are_level_the_most_alike_speaks() -> None:
    larger = LevelRun({"mesh": 80}, 9 * GIB)
    found = provisional([LevelRun({"mesh": 10}, 2 * GIB), larger], {"mesh": 40})
    assert found is not None and found.larger == int(13.5 * GIB)
    assert provisional([], {"mesh": 40}) is None


@given(
    st.lists(st.builds(LevelRun, st.fixed_dictionaries({"mesh": st.integers(-5, 50)}), st.just(GIB))),
    st.integers(-5, 500),
    st.integers(0, 500),
)
def test_of_level_runs_that_take_alike_a_larger_value_never_claims_less(
    runs: list[LevelRun], mesh: int, more: int
) -> None:
    less, larger = (provisional(runs, {"mesh": value}) for value in (mesh, mesh + more))
    assert less is None or (larger is not None and less.claim(8 * GIB) <= larger.claim(8 * GIB))
