"""Progress in the output of ordinary programs, most of it recorded from them; and what only looks like it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from steelyard.worker.bars import ALMOST
from steelyard.worker.progress import ProgressReader

RECORDED = Path(__file__).parent / "recorded"


def reader() -> ProgressReader:
    return ProgressReader(None, lambda sentence: None)


def fractions(output: bytes, size: int = 64) -> list[float | None]:
    """Each fraction that was told on the way, where output comes in pieces of so many bytes."""
    progress = reader()
    found: list[float | None] = [None]
    for start in range(0, len(output), size):
        progress.feed(output[start : start + size])
        if progress.fraction != found[-1]:
            found.append(progress.fraction)
    return found[1:]


@pytest.mark.parametrize("size", [7, 64, 100_000])
@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("r_text_bar", ALMOST),
        ("parallel_bar", 0.9),
        ("parallel_eta", ALMOST),
        ("gromacs", ALMOST),
        ("ninja", ALMOST),
        ("make", ALMOST),
        ("wget_bar", ALMOST),
        ("wget_dots", 0.94),
        ("curl_bar", ALMOST),
        ("rsync", ALMOST),
        ("pv", ALMOST),
        ("progressbar2", ALMOST),
        ("alive_progress", ALMOST),
        ("rich", ALMOST),
        ("mesa", ALMOST),
        ("ema_workbench", ALMOST),
    ],
)
def test_recorded_progress_is_understood(name: str, last: float, size: int) -> None:
    found = fractions((RECORDED / f"{name}.out").read_bytes(), size)
    assert found[-1] == pytest.approx(last, abs=0.05)
    assert None not in found and found == sorted(found, key=lambda share: share or 0)


@pytest.mark.parametrize("name", ["lammps", "joblib", "df", "highs_mip", "grompp", "curl_meter"])
def test_recorded_output_that_tells_no_progress(name: str) -> None:
    assert fractions((RECORDED / f"{name}.out").read_bytes()) == []


@pytest.mark.parametrize(
    "lines",
    [
        [f"step {n} of 10" for n in range(1, 6)],
        [f"[{n}/10] compiling" for n in range(1, 6)],
        [f"Progress: {10 * n} %" for n in range(1, 6)],
        [f"{10 * n}% complete" for n in range(1, 6)],
        [f"Processing... {10 * n},0 %" for n in range(1, 6)],
        [f"2026-11-29 10:00:0{n},123 INFO model: scenario {n}/10 (net-zero)" for n in range(1, 6)],
        [f"(case {n} out of 10)" for n in range(1, 6)],
        [f"tests/test_{n}.py ......     [ {10 * n}%]" for n in range(1, 6)],
        [f"[Parallel(n_jobs=2)]: Done  {n} out of  10 | elapsed:    1.0s" for n in range(1, 6)],
        [f"ITERATION   {n} OF   10  RESIDUAL 0.0{9 - n}" for n in range(1, 6)],
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_the_usual_words(lines: list[str], end: str) -> None:
    progress = reader()
    told = []
    for line in lines:
        progress.feed((line + end).encode())
        told.append(progress.fraction)
    assert told == [None, None, 0.3, 0.4, 0.5]
    assert progress.message.split() == lines[-1].split()


@pytest.mark.parametrize(
    "line",
    [
        "disk {} % used",
        "loss {} %",
        "accuracy: {}%",
        "RAM:   [==        ]  19.{}% (used 63212 bytes from 327680 bytes)",
        "Gap {}.5 %",
        "memory {}%, cpu {}%",
        "GET https://host/?Credential=AKIA%2F2023{}%2Feast",
        "11/{} 10:00 started",
        "2026/11/{} 10:00:00 step done",
        "found {} of 10 files",
        "{} of 100 tests failed so far, and more text",
        "ratio {}/100 of the load",
        "| a | {}% | b |",
        "v1.{}/2.0",
    ],
)
def test_what_rises_and_is_no_progress(line: str) -> None:
    progress = reader()
    for value in range(1, 10):
        progress.feed((line.format(value, value) + "\n").encode())
    assert progress.fraction is None and progress.message == ""


def test_a_figure_that_wanders_is_withdrawn_for_good() -> None:
    progress = reader()
    told = []
    for value in (10, 20, 30, 12, 40, 50, 60):
        progress.feed(f"solved {value} of 60 points\n".encode())
        told.append(progress.fraction)
    assert told == [None, None, 0.5, None, None, None, None]


def test_what_runs_at_the_same_time_ends_in_another_order() -> None:
    progress = reader()
    for value in (1, 2, 4, 3, 6, 5, 8):
        progress.feed(f"case {value} of 100\n".encode())
    assert progress.fraction == 0.08


def test_a_loop_within_another_does_not_count() -> None:
    progress = reader()
    told = set()
    for epoch in range(1, 6):
        progress.feed(f"Epoch {epoch}/5\n".encode())
        for step in range(1, 21):
            progress.feed(f"\r{step:2d}/20 [====>.....] - loss: 0.{step}".encode())
            told.add(progress.fraction)
        progress.feed(b"\n")
    assert told == {None, 0.6, 0.8, ALMOST}


def test_two_loops_on_one_line() -> None:
    progress = reader()
    for epoch in range(1, 6):
        for step in (20, 60, 100):
            progress.feed(f"Epoch {epoch}/5 - step {step}/100 - loss {step} %\n".encode())
            assert progress.fraction in (None, 0.6, 0.8, ALMOST)
    assert progress.fraction == ALMOST


def test_a_loop_that_began_anew_gives_way_to_the_one_around_it() -> None:
    progress = reader()
    for case in range(3, 8):
        for step in (1, 5, 10):
            progress.feed(f"step {step} of 10\n".encode())
        progress.feed(f"case {case} of 10\n".encode())
    assert progress.fraction == 0.7


def test_a_second_count_after_a_full_one_leaves_the_whole_unknown() -> None:
    progress = reader()
    for file in (1, 2, 3):
        progress.feed(f"Reading file {file} of 3\n".encode())
    assert progress.fraction == ALMOST and progress.is_full
    for step in range(1, 6):
        progress.feed(f"step {step} of 100\n".encode())
    assert progress.fraction is None


def test_a_count_around_bars_tells_the_whole() -> None:
    progress = reader()
    told: list[float | None] = []
    for case in range(1, 6):
        progress.feed(f"case {case} of 5\n".encode())
        for done in (0, 10, 20):
            progress.feed(f"\rsolve: {5 * done:3d}%|####| {done}/20 [00:01<00:02]".encode())
            progress.settle()
            told.append(progress.fraction)
        progress.feed(b"\n")
    # In the first bar nobody can know that there will be another.
    assert told == [0, 0.5, ALMOST, None, None, None, *[0.6] * 3, *[0.8] * 3, *[ALMOST] * 3]


def test_figures_within_a_bar_do_not_count() -> None:
    progress = reader()
    for done in range(3):
        progress.feed(f"\rcases: {5 * done:3d}%|####| {done}/20 [00:01<00:02]\n".encode())
        for step in range(1, 9):
            progress.feed(f"step {step} of 10\n".encode())
    assert progress.fraction == 0.1


def test_a_full_count_that_goes_on_is_unknown_again() -> None:
    progress = reader()
    for step in (8, 9, 10):
        progress.feed(f"step {step} of 10\n".encode())
    assert progress.is_full
    progress.doubt()
    assert progress.fraction is None and not progress.is_full
    progress.feed(b"step 10 of 10\n")
    assert progress.fraction is None


@pytest.mark.parametrize("noise", [b"", b"  0%|  the beginning of a bar\n"])
def test_after_a_flood_its_last_line_counts(noise: bytes) -> None:
    progress = reader()
    for step in range(1, 5001):
        progress.feed(noise + b"step %d of 10000\n" % step)
    assert progress.fraction is not None and progress.fraction < 0.1 and progress.is_unsettled
    progress.settle()
    assert progress.fraction == 0.5 and not progress.is_unsettled


@pytest.mark.parametrize(
    "text", ["step 3 of ", "|=", "[" * 50, "1/", "45% ", "━", "# ", "." * 9 + " ", "progress: "]
)
def test_no_line_takes_long(text: str) -> None:
    progress = reader()
    piece = (text * (2_000_000 // len(text))).encode()
    # A pattern that goes back and forth over a line would take minutes.
    began = time.process_time()
    for start in range(0, len(piece), 65536):
        progress.feed(piece[start : start + 65536])
        progress.settle()
    progress.feed(b"\n" + b"".join((text * 40 + "\n").encode() for _ in range(190)))
    assert time.process_time() - began < 10
