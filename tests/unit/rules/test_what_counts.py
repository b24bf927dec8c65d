"""What of the parameters may explain how long a run takes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from steelyard.rules.what_counts import GROUPS, NUMBERS, Columns, kept, models

Runs = list[tuple[dict[str, Any], float]]


def names(found: list[Columns]) -> list[tuple[list[str], int]]:
    return [([number.name for number in one.numbers], len(one.groups)) for one in found]


def test_numbers_that_vary_words_that_vary_or_both_or_nothing_count() -> None:
    ended: Runs = [
        ({"years": 1, "solver": "a", "fixed": 3}, 1.0),
        ({"years": 2, "solver": "b", "fixed": 3}, 2.0),
    ]
    assert names(models(ended, [], [])) == [([], 0), (["years"], 0), ([], 2), (["years"], 2)]
    assert names(models([({"fixed": 3}, 1.0)] * 3, [], [{"fixed": 3}])) == [([], 0)]


def test_a_number_that_varies_only_among_those_that_wait_may_count_too() -> None:
    assert names(models([({"years": 1}, 1.0)], [{"years": 1}], [{"years": 9}])) == [([], 0), (["years"], 0)]


def test_what_some_lack_or_write_as_a_word_is_no_number() -> None:
    ended: Runs = [({"a": 1}, 1.0), ({"a": "x"}, 2.0), ({}, 3.0), ({"a": True}, 3.0)]
    assert [len(one.numbers) for one in models(ended, [], [])] == [0, 0]


def test_of_many_numbers_those_that_go_with_what_was_seen_are_looked_at() -> None:
    ended: Runs = [
        ({"slow": n + 1, **{f"p{k}": 1 + (7 * n + k * k) % 5 for k in range(20)}}, math.log(n + 1))
        for n in range(20)
    ]
    found = models(ended, [], [])[1].numbers
    assert len(found) == NUMBERS and found[0].name == "slow"


def test_words_that_were_seen_come_before_those_that_only_wait() -> None:
    waiting = [{"name": f"w{n // 3}"} for n in range(60)]
    groups = models([({"name": "seen"}, 1.0)], [], waiting)[1].groups
    assert len(groups) == GROUPS and groups[0] == kept({"name": "seen"})


def test_a_row_has_a_place_for_whatever_comes() -> None:
    columns = models([({"years": 1, "w": "a"}, 1.0), ({"years": 4, "w": "b"}, 2.0)], [], [])[-1]
    assert columns.row({"years": 2, "w": "b"}) == [1.0, pytest.approx(0.0), 0.0, 1.0]
    assert columns.row({}) == [1.0, 0.0, 0.0, 0.0]
    assert len(columns.deviations) == 4
