"""Runs far beyond those that were seen: what laws say of them, and when nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steelyard.rules import beyond
from steelyard.rules.axes import FAR, Axis, axes
from steelyard.rules.beyond import Beyond, Book, outermost, unseen_of
from steelyard.rules.footprint import Experience, PastRun
from steelyard.rules.law import Laws
from steelyard.rules.nearness import Parameters
from steelyard.rules.quantities import GIB, MIB

DEFAULT = 8 * GIB


def runs_of(seen: Sequence[tuple[Parameters, float]]) -> list[PastRun]:
    return [PastRun(parameters, int(mib * MIB), 60.0) for parameters, mib in seen]


def claim(runs: Sequence[PastRun], **parameters: object) -> int:
    """What a task claims on a machine whose default is 8 GiB."""
    found = Experience(runs).of(parameters)
    assert found is not None
    unknown = found.unknown(DEFAULT)
    return found.claim if unknown is None else unknown


LAMMPS = runs_of([({"n": 8}, 32.1), ({"n": 10}, 32.9), ({"n": 12}, 34.0)])
LAMMPS_2 = runs_of([({"n": n}, mib) for n, mib in ((10, 33.0), (16, 38.2))] * 4)
PYPSA = runs_of([({"hours": h, "nodes": 1}, mib) for h, mib in ((24, 406), (48, 408), (24, 407))] * 2)
YEAR = runs_of([({"hours": 8760, "nodes": 1}, 587)])


@pytest.mark.parametrize(
    ("runs", "parameters", "needs_mib", "at_most_mib"),
    [
        (LAMMPS, {"n": 60}, 361, 1024),
        (LAMMPS, {"n": 120}, 2662, 8192),
        (LAMMPS + runs_of([({"n": 60}, 361)]), {"n": 120}, 2662, 3400),
        (LAMMPS_2, {"n": 50}, 219, 400),
        (LAMMPS_2, {"n": 80}, 801, 1300),
        (PYPSA, {"hours": 8760, "nodes": 1}, 587, 8192),
        (PYPSA + YEAR, {"hours": 8760, "nodes": 10}, 1434, 8192),
    ],
)
def test_small_trials_do_not_starve_the_big_run(
    runs: list[PastRun], parameters: dict[str, object], needs_mib: int, at_most_mib: int
) -> None:
    """As LAMMPS and PyPSA took: a melt of n cells a side, a network of hours and nodes."""
    assert needs_mib * MIB <= claim(runs, **parameters) <= at_most_mib * MIB


def test_where_nothing_shows_how_it_grows_nobody_knows() -> None:
    found = Experience(PYPSA + YEAR).of({"hours": 8760, "nodes": 10})
    assert found is not None and found.beyond is not None
    assert found.unknown(DEFAULT) == DEFAULT
    assert found.unknown(64 * GIB) == 64 * GIB
    (unseen,) = found.beyond.unseen
    assert (unseen.name, unseen.value, unseen.seen, unseen.varied) == ("nodes", 10.0, 1.0, False)


def test_what_was_seen_at_the_least_is_claimed_where_the_default_is_less() -> None:
    runs = runs_of([({"n": n}, 12_000 + n) for n in (1, 2)])
    found = Experience(runs).of({"n": 1000})
    assert found is not None
    assert (found.unknown(DEFAULT) or 0) >= 12_000 * MIB


def taken(beyond: Beyond | None) -> tuple[float, float]:
    assert beyond is not None
    return beyond.least, beyond.most


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("fixed", [30, 400])
def test_a_law_is_followed_however_small_its_growth_was(power: int, fixed: int) -> None:
    """Ten times beyond the trials, which the fixed part hides."""

    def takes(x: float) -> int:
        return int((fixed + 4000 * (x / 100) ** power) * MIB)

    book = Book([({"x": x, "price": x % 7}, takes(x)) for x in (5, 10, 15, 20, 25, 30, 35, 40)])
    least, most = taken(book.of({"x": 100, "price": 3}))
    assert 0.5 * takes(100) < least <= takes(100) <= most < 1.5 * takes(100)


def test_in_two_numbers_at_once_their_product_is_followed() -> None:
    def takes(x: float, y: float) -> int:
        return int((100 + 0.01 * x * y * y) * MIB)

    book = Book([({"x": x, "y": y}, takes(x, y)) for x in (5, 10, 20) for y in (10, 20, 40)])
    least, most = taken(book.of({"x": 60, "y": 160}))
    assert 0.7 * takes(60, 160) < least <= takes(60, 160) <= most < 1.4 * takes(60, 160)


def test_memory_that_falls_with_a_number_is_followed_downwards() -> None:
    book = Book([({"dx": dx}, int((50 + 100 / dx) * MIB)) for dx in (0.5, 1.0, 2.0, 4.0, 5.0)])
    assert book.of({"dx": 50.0}) is None
    least, most = taken(book.of({"dx": 0.1}))
    assert least < 1050 * MIB < most < 2 * 1050 * MIB


def test_half_more_than_what_was_seen_is_not_far_and_a_number_that_never_varied_is_at_once() -> None:
    book = Book([({"n": n, "nodes": 1, "zero": 0}, GIB) for n in (4, 10)])
    assert book.of({"n": 10 * FAR, "nodes": 1, "zero": 0}) is None
    assert book.of({"n": 1, "nodes": 0.5, "zero": -7}) is None
    for far in ({"n": 15.1}, {"nodes": 1.01}, {"zero": 1}):
        found = book.of({"n": 10, "nodes": 1, "zero": 0, **far})
        assert found is not None and [one.name for one in found.unseen] == list(far)


def test_words_have_laws_of_their_own_where_there_are_enough_runs() -> None:
    def takes(n: int, solver: str) -> int:
        return (100 + n * n * (9 if solver == "thorough" else 1)) * MIB

    seen = [
        ({"n": n, "solver": solver}, takes(n, solver))
        for n in (5, 10, 15, 20, 25, 30)
        for solver in ("quick", "thorough")
    ]
    book = Book(seen)
    for solver in ("quick", "thorough"):
        least, most = taken(book.of({"n": 90, "solver": solver}))
        assert least <= takes(90, solver) <= most < 1.4 * takes(90, solver)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"hours": 24}, {"hours": 8760}, {"hours": 60}],
            ["runs seen had hours up to 48, this goes to 8,760"],
        ),
        ([{"hours": 60, "nodes": 1}, {"other": 7}], []),
        ([{"nodes": 2}], ["nodes = 2 was never seen, only 1"]),
        ([{"dx": 50.0}, {"dx": 0.1}], ["runs seen had dx down to 0.5, this goes to 0.1"]),
    ],
)
def test_what_leaves_what_was_seen_is_said_in_words(rows: list[Parameters], said: list[str]) -> None:
    known = {
        "hours": Axis("hours", 24.0, 48.0),
        "nodes": Axis("nodes", 1.0, 1.0),
        "dx": Axis("dx", 0.5, 4.0, falling=True),
    }
    assert [str(one) for one in unseen_of(known, outermost(known, rows))] == said


NUMBERS = st.one_of(st.integers(-3, 60), st.floats(0.01, 60.0, allow_subnormal=False))


@st.composite
def growing(draw: st.DrawFn) -> list[PastRun]:
    """Runs that take more, or as much, the larger their number is; some did not complete."""
    values = sorted(draw(st.sets(NUMBERS, min_size=1, max_size=6)))
    peaks = sorted(draw(st.lists(st.integers(MIB, 16 * GIB), min_size=len(values), max_size=len(values))))
    done = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    done[0] = True
    return [
        PastRun({"n": value, "other": 3}, peak, 60.0 if complete else None, complete)
        for value, peak, complete in zip(values, peaks, done, strict=True)
    ]


CUT_SHORT = [
    PastRun({"n": n, "other": 3}, peak, 60.0 if complete else None, complete)
    for n, peak, complete in ((1.9375, MIB, True), (3.0, GIB, False), (22.0, GIB, False))
]
"""Runs near what was seen that were not let run to their end, but reached far more."""


@example(CUT_SHORT, 0, 2.0, 1)
@given(growing(), NUMBERS, NUMBERS, st.integers(1, 20))
def test_far_beyond_a_larger_value_never_claims_less_than_any_smaller_one(
    runs: list[PastRun], one: float, other: float, times: int
) -> None:
    smaller, larger = sorted((one, other * times))
    complete = [run for run in runs if run.complete]
    axis = axes([(run.parameters, float(run.peak)) for run in complete])["n"]
    if axis.place(larger) <= axis.reach or axis.falling:
        return
    assert claim(runs, n=larger, other=3) >= claim(runs, n=smaller, other=3)


@given(growing(), NUMBERS)
def test_whatever_was_seen_a_run_far_beyond_claims_what_smaller_ones_took(
    runs: list[PastRun], value: float
) -> None:
    found = Experience(runs).of({"n": value, "other": 3})
    assert found is not None
    if found.beyond is not None:
        assert found.claim >= max((run.peak for run in runs if run.parameters["n"] <= value), default=0)
        assert found.beyond.least <= found.beyond.most


def test_runs_that_each_have_a_label_of_their_own_share_the_laws_which_are_found_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[int] = []

    class Counted(Laws):
        def __init__(self, runs: Sequence[tuple[Parameters, float]]) -> None:
            found.append(len(runs))
            super().__init__(runs)

    monkeypatch.setattr(beyond, "Laws", Counted)
    book = Book([({"n": n, "label": f"run {n}"}, (100 + n * n) * MIB) for n in range(5, 30)])
    book.prepare()
    for n in (100, 120, 140):
        assert book.of({"n": n, "label": f"run {n}"}) is not None
    assert found == [25]


@pytest.mark.parametrize("makes", [lambda n: {"n": 5}, lambda n: {"n": 5, "label": str(n)}, lambda n: {}])
def test_runs_that_show_no_law_are_no_trouble(makes: Callable[[int], Parameters]) -> None:
    book = Book([(makes(n), GIB) for n in range(5)])
    book.prepare()
    assert book.of({"other": 9}) is None
