"""Moments, shares and values in words, and tables that fit."""

from __future__ import annotations

import pytest

from steelyard.cli import output, wording
from steelyard.rules.timestamps import iso

NOW = 1_768_471_200.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.5, "now"),
        (-5, "5 s ago"),
        (-200, "3 min ago"),
        (-9600, "2 h ago"),
        (-200_000, "2 d ago"),
        (9600, "in 2 h 40 min"),
    ],
)
def test_a_moment_is_said_from_now(seconds: float, words: str) -> None:
    assert wording.relative(iso(NOW + seconds), NOW) == words


def test_what_is_due_is_never_done_now() -> None:
    assert wording.due(iso(NOW + 90) or "", NOW) == "done in 1 min 30 s"
    assert wording.due(iso(NOW + 0.5) or "", NOW) == wording.due(iso(NOW - 9) or "", NOW) == "nearly done"


def test_nothing_is_a_dash() -> None:
    assert {wording.relative(None, NOW), wording.size(None), wording.share(None), wording.value(None)} == {
        "–"
    }


@pytest.mark.parametrize(
    ("fraction", "words"), [(0, "0 %"), (0.999, "99 %"), (1.0, "100 %"), (0.425, "42 %")]
)
def test_all_is_said_of_all_only(fraction: float, words: str) -> None:
    assert wording.share(fraction) == words


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    assert wording.plain("a\x1b[2Jb\nc\x9b31m\u202ed\0") == "a\ufffd[2Jb c\ufffd31m\ufffdd\ufffd"


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (0.1, "0.1"),
        (2.0, "2"),
        (0.0, "0"),
        (1e9, "1000000000"),
        (1.5e20, "1.5e+20"),
        (0.00123456, "0.00123456"),
        (123456.789, "123456.789"),
        (1e-5, "1e-05"),
        (True, "true"),
        (["ä"], '["ä"]'),
        ("x", "x"),
    ],
)
def test_values_are_short(thing: object, words: str) -> None:
    assert wording.value(thing) == words


def test_a_table_gives_way_where_it_may() -> None:
    assert output.fitted([12, 30, 50, 9], [12, 6, 6, 9], 80) == [12, 26, 27, 9]
    assert output.fitted([12, 20, 9], [12, 6, 9], 80) == [12, 20, 9]
    assert output.fitted([12, 20, 9], [12, 6, 9], 20) == [12, 6, 9]
