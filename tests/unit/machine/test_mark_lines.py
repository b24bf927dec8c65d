"""What is left out of a task's output when its lines for Steelyard are not asked for."""

from __future__ import annotations

import pytest

from steelyard.machine.mark_lines import begun_mark, without_marks

CASES = [
    ("", ""),
    ("a\n::steelyard progress 0.5 half\nb\n", "a\nb\n"),
    ("  ::steelyard checkpointed\r\nb", "b"),
    ("a\n::steelyard progress 0.5", "a\n"),
    ("a\n\n::steelyard progress 0.5\n\nb", "a\n\n\nb"),
    ("::steelyard progress 1\n::steelyard progress nan\n", ""),
    ("load 42%\r::steelyard progress 0.1\nrest", "load 42%\rrest"),
    ("::steelyard progressing\n", "::steelyard progressing\n"),
    ("::steelyard begin\n", "::steelyard begin\n"),
    ("INFO ::steelyard progress 0.5\n", "INFO ::steelyard progress 0.5\n"),
    ("::steelyard", "::steelyard"),
]
"""What a task printed, and what is shown of it: also by the page, see tests/browser/test_task.py."""


@pytest.mark.parametrize(("text", "shown"), CASES)
def test_without_the_lines_for_us(text: str, shown: str) -> None:
    assert without_marks(text) == shown


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a\n", 0),
        ("a\n::st", 4),
        ("a\n  ::steelyard progress 0.5 é", 29),
        ("a\n::steelyard progress 0.5\n", 0),
        ("a\n ", 0),
        ("a::", 0),
        ("::x", 0),
        ("", 0),
    ],
)
def test_a_line_that_is_cut_in_two_waits_for_its_rest(text: str, held: int) -> None:
    assert begun_mark(text) == held


def test_a_line_without_an_end_takes_no_time() -> None:
    long = "::steelyard progress " + " " * 2_000_000
    assert without_marks("x" + long) == "x" + long
    assert without_marks(" " * 2_000_000) == " " * 2_000_000
    assert without_marks("\n".join([" " * 1000] * 1000) + long) != ""
