"""Progress from output: the helper's lines, tqdm's bars, a pattern; never backwards, cheap in a flood."""

from __future__ import annotations

import random

import pytest

from steelyard.worker.progress import ProgressReader


def reader(pattern: str | None = None) -> ProgressReader:
    return ProgressReader(pattern, lambda sentence: None)


def test_a_mark() -> None:
    progress = reader()
    progress.feed(b"::steelyard progress 0.42 year 2031\n")
    assert (progress.fraction, progress.message) == (0.42, "year 2031")


@pytest.mark.parametrize(
    ("line", "fraction"),
    [
        (b"  ::steelyard progress 0.5\r\n", 0.5),
        (b"::steelyard progress 50% half\n", 0.5),
        (b"::steelyard progress 0,42 comma\n", 0.42),
        (b"::steelyard progress 55,5% comma\n", 0.555),
        (b"::steelyard progress 42 % apart\n", 0.42),
        (b"::steelyard progress 0.7 carriage return\r\n", 0.7),
        (b"::steelyard progress inf\n", None),
        (b"::steelyard progress 60 no sign\n", None),
        (b"::steelyard progress 1.0000001\n", 1.0),
        (b"::steelyard progress - only words\n", None),
        (b"::steelyard progress 42 of what\n", None),
        (b"::steelyard progress nan\n", None),
        (b"::steelyard progress -1\n", None),
        (b"::steelyard progress\n", None),
        (b"::steelyard \n", None),
        (b'    print("::steelyard progress 0.9")\n', None),
        (b" 42%|####      | 42/100 [00:01<00:02]::steelyard progress 0.5\n", 0.5),
        (b"\xff\xfe::steelyard progress 0.5\n", None),
    ],
)
def test_what_a_mark_is(line: bytes, fraction: float | None) -> None:
    progress = reader()
    progress.feed(line)
    assert progress.fraction == fraction


def test_what_was_not_understood_is_said_once() -> None:
    said: list[str] = []
    progress = ProgressReader(None, said.append)
    progress.feed(b"::steelyard progress - words\n::steelyard progress 0,5\n")
    assert said == []
    progress.feed(b"::steelyard progress nan year 2031\n" * 3 + b"::steelyard progress 60 more\n")
    assert len(said) == 1 and "'::steelyard progress nan year 2031'" in said[0] and "42%" in said[0]
    assert (progress.fraction, progress.message) == (0.5, "more")


def test_words_of_marks_stay_where_bars_tell_the_rest() -> None:
    progress = reader()
    progress.feed(b"::steelyard progress - year 2031\n 30%|###   | 3/10\n")
    assert (progress.fraction, progress.message) == (0.3, "year 2031")


def test_marks_start_anew_after_bars() -> None:
    progress = reader()
    progress.feed(b"load: 90%|#########  | 90/100\n::steelyard progress 0.1\n")
    assert progress.fraction == 0.1


def test_marks_in_any_pieces() -> None:
    text = b"noise\n::steelyard progress 0.25 a quarter\n::steelyard checkpointed\nmore\n"
    for size in range(1, len(text)):
        progress = reader()
        for start in range(0, len(text), size):
            progress.feed(text[start : start + size])
            progress.settle()
        assert (progress.fraction, progress.message, progress.checkpoints) == (0.25, "a quarter", 1)


def test_progress_never_goes_back() -> None:
    progress = reader()
    progress.feed(b"::steelyard progress 0.5 b\n::steelyard progress 0.1 a\n")
    assert (progress.fraction, progress.message) == (0.5, "a")


def test_marks_win_over_bars() -> None:
    progress = reader()
    progress.feed(b"::steelyard progress 0.1\n 90%|#########  | 90/100\n")
    assert progress.fraction == 0.1


def test_a_pattern_wins_over_all() -> None:
    progress = reader(r"year (\d+) of (\d+)")
    progress.feed(b" 99%|######| 99/100\n::steelyard progress 0.9 words\nyear 3 of 12\n")
    assert (progress.fraction, progress.message) == (0.25, "words")


@pytest.mark.parametrize(
    ("pattern", "lines", "fraction"),
    [
        (r"done: ([\d.]+)%", b"done: 12.5%\n", 0.125),
        (r"done: ([\d.]+)", b"done: 1 %\n", 0.01),
        (r"done: ([\d.]+)", b"done: 80\n", 0.8),
        (r"done: ([\d.]+)", b"done: 0.25\n", 0.25),
        (r"done: ([\d.]+)", b"done: 0.25\ndone: 1\n", 1.0),
        (r"done: ([\d.]+)", b"done: 1\n", 0.01),
        (r"done: ([\d.]+)", b"done: 100.05\n", 1.0),
        (r"(\d+) of (\d+)", b"3 of 0\n", None),
        (r"(\d+) of (\d+)", b"5 of 4\n", None),
        (r"([\d,]+) of ([\d,]+)", b"1,000 of 4,000\n", 0.25),
        (r"([\d,]+) of ([\d,]+)", b"0,125 of 0,5\n", 0.25),
        (r"([\d,.]+) of ([\d,.]+)", b"1,000.5 of 2,001\n", 0.5),
        (r"done: ([\d,]+)", b"done: 0,25\n", 0.25),
        (r"done: ([\d,]+) ?%", b"done: 55,5 %\n", 0.555),
        (r"done: ([\d,]+) ?%", b"done: 55,500 %\n", 0.555),
        (r"(\w+) of (\w+)", b"one of two\n", None),
        (r"(\d+)?x(\d+)", b"x5\n", None),
    ],
)
def test_what_a_pattern_says(pattern: str, lines: bytes, fraction: float | None) -> None:
    progress = reader(pattern)
    progress.feed(lines)
    assert progress.fraction == fraction


@pytest.mark.parametrize("pattern", ["(", "no group", "(a)(b)(c)", "(?P<n>x", "a{99999999999}"])
def test_a_pattern_that_cannot_be_used_is_named_and_left_out(pattern: str) -> None:
    said: list[str] = []
    progress = ProgressReader(pattern, said.append)
    progress.feed(b"::steelyard progress 0.3\n")
    assert progress.fraction == 0.3
    assert len(said) == 1 and "is not used" in said[0]


def test_a_catastrophic_pattern_is_given_up() -> None:
    said: list[str] = []
    progress = ProgressReader(r"(a+)+$", said.append)
    progress.feed(b"a" * 40 + b"!\n::steelyard progress 0.3\n")
    assert progress.fraction == 0.3
    assert "is given up" in said[0]


def test_a_pattern_is_tried_on_a_bounded_line() -> None:
    progress = reader(r"(\d+) of (\d+)")
    progress.feed(b"x" * 1000 + b" 3 of 4\n" + b"1 of 4 " + b"x" * 9_000_000 + b"\n")
    assert progress.fraction is None or progress.fraction == 0.25


def test_a_flood_is_searched_for_marks_and_read_at_its_end() -> None:
    noise = b"x" * 79 + b"\n"
    progress = reader(r"(\d+) of (\d+)")
    flood = noise * 4000 + b"::steelyard checkpointed\n" + noise * 4000 + b"3 of 4\n" + noise * 3
    progress.feed(flood)
    assert (progress.fraction, progress.checkpoints) == (0.75, 1)


def test_all_marks_of_a_flood_of_marks_count_as_one() -> None:
    progress = reader()
    progress.feed(b"::steelyard checkpointed\n" * 20000 + b"::steelyard progress 0.6 six\n" * 20000)
    assert (progress.fraction, progress.message) == (0.6, "six")
    assert 1 <= progress.checkpoints <= 20000


def test_a_flood_of_bars_is_not_cut_in_the_middle_of_one() -> None:
    progress = reader()
    state = b"\r 42%|####      | 42/100 [00:01<00:02]"
    progress.feed(b"\r  1%|          | 1/100 [00:01<00:02]")
    progress.feed(state * 5000)
    progress.feed(b"\r 43%|####      | 43/100 [00:01<00:02]\r")
    assert progress.fraction == 0.43


def test_an_endless_line_costs_no_memory() -> None:
    progress = reader()
    for _ in range(100):
        progress.feed(b"x" * 65536)
    assert len(progress._rest) <= 4096


def test_random_bytes_do_no_harm() -> None:
    noise = random.Random(7)
    progress = reader(r"(\d+) of (\d+)")
    pieces = [
        b"::steelyard ",
        b"progress ",
        b"%|",
        b"|",
        b"\r",
        b"\n",
        b"\x1b[A",
        b"\0",
        b"\xff",
        b"0.5 ",
        b"3/4",
    ]
    before = 0.0
    for _ in range(2000):
        progress.feed(b"".join(noise.choices(pieces, k=noise.randrange(12))))
        progress.settle()
        assert (progress.fraction or 0.0) >= before
        before = progress.fraction or 0.0


def test_a_number_above_100_withdraws_the_pattern() -> None:
    said: list[str] = []
    progress = ProgressReader(r"^\s+(\d+)\s", said.append)
    progress.feed(b"     50    1.67\n")
    assert progress.fraction == 0.5
    progress.feed(b"    150    1.64\n     60   1.60\n")
    assert progress.fraction is None
    assert len(said) == 1 and "found 150" in said[0] and "total" in said[0]
    progress.feed(b"::steelyard progress 0.3\n")
    assert progress.fraction == 0.3


def test_one_group_of_a_total() -> None:
    said: list[str] = []
    progress = ProgressReader(r"^\s+(\d+)\s", said.append, 1000.0)
    told = []
    for step in range(0, 1001, 100):
        progress.feed(f"   {step}   1.67  -4.79\n".encode())
        told.append(progress.fraction)
    assert told == [step / 1000 for step in range(0, 1001, 100)] and said == []


def test_a_number_above_the_total_withdraws_the_pattern() -> None:
    said: list[str] = []
    progress = ProgressReader(r"^\s+(\d+)\s", said.append, 1000.0)
    progress.feed(b"   900  1.0\n  1500  1.0\n")
    assert progress.fraction is None and "the total is 1000" in said[0]
