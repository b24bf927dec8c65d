"""Bars as tqdm writes them: nested, restarting, renamed, and 25 of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.worker.bars import ALMOST, Bars
from steelyard.worker.progress import ProgressReader

RECORDED = Path(__file__).parent / "recorded"


def bar(done: int, total: int, *, title: str = "", row: int = 0) -> str:
    """What tqdm writes for one state: down to its row, the bar, up again."""
    percent = 100 * done // total
    name = f"{title}: " if title else ""
    filled = "█" * (percent // 10) + " " * (10 - percent // 10)
    return (
        "\n" * row + f"\r{name}{percent:3d}%|{filled}| {done}/{total} [00:01<00:09, 9.9it/s]" + "\x1b[A" * row
    )


def fractions(states: list[str]) -> list[float]:
    """The fraction after each state, as the whole reader sees it."""
    progress = ProgressReader(None, lambda sentence: None)
    found = []
    for state in states:
        progress.feed(state.encode())
        progress.settle()
        found.append(progress.fraction or 0.0)
    return found


def test_one_bar() -> None:
    assert fractions([bar(0, 8), bar(2, 8), bar(6, 8)]) == [0, 0.25, 0.75]


def test_a_full_bar_says_almost() -> None:
    assert fractions([bar(0, 8), bar(8, 8)]) == [0, ALMOST]


def test_nested_loops_follow_the_outer_one() -> None:
    states = [bar(0, 4, row=0)]
    expected = [0.0]
    for outer in range(4):
        for inner in (0, 5, 10):
            states.append(bar(inner, 10, row=1))
            expected.append(outer / 4)
        states.append(bar(outer + 1, 4))
        expected.append(min(ALMOST, (outer + 1) / 4))
    assert fractions(states) == expected


def test_nested_loops_that_draw_on_one_row() -> None:
    # The same total on purpose: only their titles tell the two bars apart.
    states, expected = [bar(0, 5, title="years")], [0.0]
    for outer in range(5):
        for inner in range(6):
            states.append(bar(inner, 5, title="regions"))
            expected.append(outer / 5)
        states.append(bar(outer + 1, 5, title="years"))
        expected.append(min(ALMOST, (outer + 1) / 5))
    assert fractions(states) == expected


def test_inner_bars_that_change_their_name() -> None:
    states, expected = [bar(0, 3)], [0.0]
    for outer, name in enumerate(("Austria", "Brazil", "Chad")):
        for inner in (0, 3, 7):
            states.append(bar(inner, 9, title=name, row=1))
            expected.append(outer / 3)
        states.append(bar(outer + 1, 3))
        expected.append(min(ALMOST, (outer + 1) / 3))
    assert fractions(states) == expected


def test_an_outer_bar_that_changes_its_name() -> None:
    states = [bar(n, 10, title=f"loss {1 / (n + 1):.3f}") for n in range(10)]
    assert fractions(states) == [n / 10 for n in range(10)]


def test_25_nested_and_restarting_bars_never_run_backwards() -> None:
    states: list[str] = []

    def nest(level: int, path: str) -> None:
        total = 3 if level < 3 else 2
        for step in range(total + 1):
            states.append(bar(step, total, title=f"level {level}", row=level))
            # Every level runs to its end a few times; the deeper ones only below the first step, or it takes
            # years.
            if step < total and level < 24 and (level < 4 or step == 0):
                nest(level + 1, f"{path}.{step}")

    nest(0, "0")
    assert max(state.count("\n") for state in states) == 24
    found = fractions(states)
    assert found == sorted(found)
    outer = [state.count("\n") for state in states]
    assert found[outer.index(0)] == 0
    # Only the outermost bar moves it: 3 steps, 4 values.
    assert sorted(set(found)) == [0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), ALMOST]


def test_a_bar_that_restarts_gives_way_to_one_that_does_not() -> None:
    bars = Bars()
    found = []
    for state in (bar(0, 10, row=1), bar(9, 10, row=1), bar(1, 4), bar(0, 10, row=1), bar(5, 10, row=1)):
        bars.read(state.replace("\n", ""))
        found.append(bars.fraction)
    # The bar in the upper row is the outer one, however late it is drawn.
    assert found == [0, 0.9, 0.25, 0.25, 0.25]


def test_an_outer_bar_that_is_drawn_after_its_inner_ones() -> None:
    # A pool of threads: each job has its bar before the one of all jobs is there.
    states, expected = [bar(0, 40, title="job 0", row=1), bar(0, 40, title="job 1", row=2)], [0.0, 0.0]
    for done in range(10):
        states += [bar(done, 9, title="all"), bar(40, 40, title=f"job {done}", row=1) + "\n"]
        expected += [min(ALMOST, done / 9)] * 2
    assert fractions(states) == expected


@pytest.mark.parametrize("title", ["", "fetch"])
def test_a_bar_that_learns_of_more_to_do(title: str) -> None:
    states = [bar(0, 10, title=title), *(bar(n, 10 + n, title=title) for n in range(1, 10))]
    found = fractions([*states, bar(15, 20, title=title), bar(20, 20, title=title)])
    assert found == [0.0, *(n / (10 + n) for n in range(1, 10)), 0.75, ALMOST]


def test_a_bar_that_gets_its_name_after_it_was_drawn() -> None:
    states = [bar(0, 10)] + [bar(n, 10, title=f"loss {1 / (n + 1):.3f}") for n in range(10)]
    assert fractions(states) == [0.0] + [n / 10 for n in range(10)]


def test_parallel_bars_count_the_first() -> None:
    states = [bar(0, 10, row=row) for row in range(4)] + [bar(9, 10, row=3), bar(2, 10, row=0)]
    assert fractions(states)[-2:] == [0.0, 0.2]


@pytest.mark.parametrize(
    ("line", "fraction"),
    [
        ("  5%|5         | 1.2k/24.0k [00:01<00:09]", 0.05),
        (" 42%|####2     ", None),
        (" 42%|####2     |", 0.42),
        ("100%|##########| 7/7", ALMOST),
        ("\x1b[32mcolour: 50%|#####     | 1/2\x1b[0m", 0.5),
        ("999%|", None),
        ("12 % of | what", None),
        (" 10%|#| 5/0", 0.1),
        (" 10%|#| ./.", 0.1),
    ],
)
def test_what_a_bar_is(line: str, fraction: float | None) -> None:
    bars = Bars()
    assert bars.read(line) is (fraction is not None)
    assert bars.fraction == (None if fraction is None else pytest.approx(fraction))


def test_the_message_names_the_bar_that_counts() -> None:
    bars = Bars()
    for state in (bar(1, 4, title="years"), bar(3, 9, title="regions", row=1)):
        bars.read(state.strip("\r\n"))
    assert bars.message == "years: 1/4"


def test_very_many_bars_cost_no_memory() -> None:
    bars = Bars()
    for number in range(5000):
        bars.read(bar(0, 10, title=f"bar {number}"))
        bars.read(bar(1, 10 + number, title=f"bar {number}", row=1).strip("\r\n"))
    assert len(bars._stage.bars) <= 200 and len(bars._stage._places) <= 200


Told = list[tuple[int, str, float | None]]


def told_of(output: bytes, size: int = 50) -> Told:
    """(stage, title, fraction), each time that one of them changes."""
    progress = ProgressReader(None, lambda sentence: None)
    found: Told = []
    for start in range(0, len(output), size):
        progress.feed(output[start : start + size])
        if progress.stage is not None:
            now = (progress.stage[0], progress.stage[1], progress.fraction)
            if not found or found[-1] != now:
                found.append(now)
    return found


@pytest.mark.parametrize("size", [1, 50, 100_000])
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("tqdm_two_bars", ["Load inputs", "Simulate"]),
        ("tqdm_break", ["Converge", "Report"]),
        ("tqdm_leave_false", ["regions"] * 4),
        ("tqdm_nested_twice", ["years", "report"]),
        ("pypsa_highs", ["Writing constraints.", "Writing continuous variables."]),
    ],
)
def test_bars_after_each_other_are_stages(name: str, stages: list[str], size: int) -> None:
    found = told_of((RECORDED / f"{name}.out").read_bytes(), size)
    assert list(dict.fromkeys((number, title) for number, title, _ in found))[-1] == (len(stages), stages[-1])
    if size < 100_000:
        assert list(dict.fromkeys(one[:2] for one in found)) == list(enumerate(stages, start=1))
    first = [fraction or 0 for number, _, fraction in found if number == 1]
    assert first == sorted(first)
    assert all(fraction is None for number, _, fraction in found if number > 1)


def test_the_message_of_a_later_stage_names_it() -> None:
    progress = ProgressReader(None, lambda sentence: None)
    for state in (
        bar(0, 4, title="Load"),
        bar(4, 4, title="Load"),
        "\n",
        bar(42, 50, title="Opex 100 % net"),
    ):
        progress.feed(state.encode())
        progress.settle()
    assert progress.message == "Opex 100 % net 84 %, bar 2"
    assert progress.stage == (2, "Opex 100 % net", 0.84)


def test_nested_bars_of_one_total_and_no_title_that_stay() -> None:
    # tqdm draws the last state of an inner bar in the row of the outer one.
    states, expected = [bar(0, 5)], [0.0]
    for outer in range(5):
        for inner in (0, 3):
            states.append(bar(inner, 5, row=1))
        states += [bar(5, 5), "\n" + bar(outer + 1, 5)]
        expected += [outer / 5] * 3 + [min(ALMOST, (outer + 1) / 5)]
    assert fractions(states) == expected


def test_nested_bars_each_state_on_a_line_of_its_own() -> None:
    # Through a logger, or on a terminal that cannot go up.
    found = []
    bars = Bars()
    for outer in range(5):
        for state in (bar(outer, 5, title="years"), *(bar(n, 9, title="regions") for n in (0, 5, 9))):
            bars.read(state)
            bars.line_ended()
            found.append(bars.fraction)
    # That the first bar is not over is known when it comes again.
    assert found == [0, None, None, None, *[0.2] * 4, *[0.4] * 4, *[0.6] * 4, *[0.8] * 4]


def test_a_bar_with_lines_printed_in_between_is_one_stage() -> None:
    output = "".join(bar(n, 9, title="solve") + f" a line\nanother {n}\n" for n in range(9))
    assert [(number, title) for number, title, _ in told_of(output.encode(), 1000)] == [(1, "solve")]


def test_a_full_bar_that_goes_on_is_unknown_again() -> None:
    progress = ProgressReader(None, lambda sentence: None)
    progress.feed(bar(0, 8).encode() + bar(8, 8).encode() + b"\n")
    assert progress.fraction == ALMOST and progress.is_full
    progress.doubt()
    assert progress.fraction is None and not progress.is_full
    progress.feed(bar(8, 8).encode() + b"\n")
    assert progress.fraction is None


def test_25_bars_after_each_other() -> None:
    output = "".join(
        "".join(bar(done, 30 + number, title=f"Step {number}") for done in range(0, 31 + number, 10)) + "\n"
        for number in range(25)
    )
    found = told_of(output.encode())
    assert {number for number, _, _ in found} == set(range(1, 26))
    assert {fraction for number, _, fraction in found if number > 1} == {None}
