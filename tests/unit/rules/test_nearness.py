"""Nearness: what explains nothing keeps no runs apart."""

from __future__ import annotations

from itertools import product

import pytest

from steelyard.rules.nearness import LEAST_WEIGHT, NEAR, Nearness, Parameters


def nearness(*runs: tuple[Parameters, float], **ranges: tuple[float, float]) -> Nearness:
    return Nearness([parameters for parameters, _ in runs], runs, ranges)


def test_the_same_is_no_distance_away() -> None:
    found = nearness(({"a": 1, "b": "x"}, 1.0), ({"a": 2, "b": "y"}, 9.0))
    assert found.squares({"a": 1, "b": "x"})[0] == 0.0
    assert found.squares({"a": 1.0, "b": "x"})[0] == 0.0


def test_a_decisive_number_at_the_other_end_is_one_away() -> None:
    found = nearness(*[({"a": n}, 10.0**n) for n in (1, 2, 3)])
    assert found.squares({"a": 3}) == pytest.approx([1.0, 0.25, 0.0])
    assert found.squares({"a": 99}) == pytest.approx([1.0, 1.0, 1.0])


def test_what_explains_nothing_counts_next_to_nothing() -> None:
    grid = list(product((1, 8), (0, 50, 100)))
    found = nearness(*[({"mesh": mesh, "price": price}, 2.0**mesh) for mesh, price in grid])
    near = [square <= NEAR for square in found.squares({"mesh": 1, "price": 70})]
    assert near == [mesh == 1 for mesh, _ in grid]


def test_another_kind_is_as_far_as_can_be() -> None:
    found = nearness(({"a": 1}, 1.0), ({"a": 9}, 99.0))
    assert found.squares({"a": "many"}) == pytest.approx([1.0, 1.0])
    assert found.squares({}) == pytest.approx([1.0, 1.0])
    assert found.squares({"a": True}) == pytest.approx([0.0, 1.0])


def test_what_no_run_had_makes_a_difference() -> None:
    found = nearness(({"a": 1}, 1.0), ({"a": 9}, 99.0))
    assert found.squares({"a": 1, "new": 5})[0] == pytest.approx(LEAST_WEIGHT)


def test_the_range_of_the_schema_is_the_span_of_few_runs() -> None:
    runs = [({"a": n}, 10.0**n) for n in (1, 2)]
    assert nearness(*runs).squares({"a": 1}) == pytest.approx([0.0, 1.0])
    assert nearness(*runs, a=(0.0, 0.5)).squares({"a": 1.25}) == pytest.approx([0.25, 1.0])


def test_of_one_parameter_nothing_may_be_asked() -> None:
    runs = [({"a": a, "b": b}, 10.0**a + b) for a, b in product((1, 2, 3), (1, 9))]
    found = nearness(*runs)
    asked = {"a": 77, "b": 9}
    without = found.squares_but("a", asked, found.squares(asked))
    assert [square == pytest.approx(0.0) for square in without] == [
        b == 9 for _, b in product((1, 2, 3), (1, 9))
    ]


def test_many_questions_are_remembered_and_forgotten_alike() -> None:
    found = nearness(*[({"a": n, "b": -n}, float(n)) for n in range(1, 9)])
    first = found.squares({"a": 3.5, "b": 2})
    for n in range(600):
        found.squares({"a": n, "b": n})
    assert found.squares({"a": 3.5, "b": 2}) == first
