"""A sweep's combinations: their order, their number, and what is refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.errors import InvalidRequest
from steelyard.rules.sweep import expand

names = st.text(min_size=1, max_size=5)
grids = st.dictionaries(
    names, st.lists(st.integers(), min_size=1, max_size=4, unique=True), min_size=1, max_size=4
)


def test_the_last_parameter_varies_fastest() -> None:
    assert expand({"c": 0}, grid={"a": [1, 2], "b": [3, 4]}) == [
        {"c": 0, "a": 1, "b": 3},
        {"c": 0, "a": 1, "b": 4},
        {"c": 0, "a": 2, "b": 3},
        {"c": 0, "a": 2, "b": 4},
    ]


def test_rows_are_laid_over_the_base() -> None:
    assert expand({"a": 1, "b": 1}, rows=[{}, {"b": 2}, {"c": 3}]) == [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2},
        {"a": 1, "b": 1, "c": 3},
    ]


@given(grids)
def test_a_grid_gives_every_combination_once_in_the_same_order(grid: dict[str, list[int]]) -> None:
    tasks = expand({}, grid=grid)
    assert tasks == expand({}, grid=grid)
    count = 1
    for values in grid.values():
        count *= len(values)
    assert len(tasks) == count
    keys = [[values.index(task[name]) for name, values in grid.items()] for task in tasks]
    assert keys == sorted(keys)


@given(grids)
def test_the_base_is_not_touched_and_no_two_tasks_are_one_object(grid: dict[str, list[int]]) -> None:
    base = {"kept": 1}
    tasks = expand(base, grid=grid)
    others = [dict(task) for task in tasks[1:]]
    tasks[0].clear()
    assert base == {"kept": 1}
    assert tasks[1:] == others


@pytest.mark.parametrize(
    "sweep",
    [
        {},
        {"grid": {"a": [1]}, "rows": [{}]},
        {"grid": {}},
        {"grid": {"a": []}},
        {"grid": {"a": "text"}},
        {"grid": {"a": 1}},
        {"grid": {"a": {"b": 1}}},
        {"rows": []},
        {"rows": [1]},
        {"rows": [{}, None]},
    ],
)
def test_what_is_no_sweep_is_refused(sweep: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        expand({}, **sweep)
    assert caught.value.message.endswith(".")


def test_ten_thousand_tasks_are_taken_and_one_more_is_not() -> None:
    hundred = list(range(100))
    assert len(expand({}, grid={"a": hundred, "b": hundred})) == 10_000
    with pytest.raises(InvalidRequest, match="10,001"):
        expand({}, rows=[{}] * 10_001)


def test_a_sweep_that_would_fill_the_memory_is_counted_not_made() -> None:
    grid = {f"p{number}": list(range(100)) for number in range(300)}
    with pytest.raises(InvalidRequest, match=r"more than 10\^15"):
        expand({}, grid=grid)
