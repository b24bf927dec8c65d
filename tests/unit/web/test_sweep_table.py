"""The table of a sweep, without a sweep."""

from __future__ import annotations

import csv
import io
from typing import Any

from steelyard.web.pages.sweep_table import as_csv, ordered, table
from steelyard.web.pages.task_wording import cell


def task(number: int, price: float, result: Any = None, **more: Any) -> dict[str, Any]:
    return {"task_id": f"t{number}", "label": "", "state": "SUCCEEDED" if result else "READY",
            "parameters": {"price": price, "path": "reference"}, "result": result,
            "attempts": [], **more}  # fmt: skip


TASKS = [
    task(1, 100, {"cost": 3.5, "by": {"2050": 2}, "ok": True, "series": [1, 2]}),
    task(2, 50),
    task(3, 300, {"cost": 1, "by": {"2050": 7}}),
]


def test_columns_are_what_differs_and_what_came_out() -> None:
    found = table(TASKS)
    assert (found.parameters, found.numbers) == (["price"], ["cost", "by.2050"])
    assert found.same == [("path", "reference")]
    assert [row.cells["cost"] for row in found.rows] == [3.5, None, 1]


def test_neighbours_are_told_apart() -> None:
    found = table([task(1, 1, {"cost": 53.1203001, "n": 1}), task(2, 2, {"cost": 53.1203002, "n": 2})])
    assert found.digits == {"price": 0, "cost": 3, "n": 0}
    shown = [cell(row.cells["cost"], found.digits["cost"]) for row in found.rows]
    assert shown == ["53.1203001", "53.1203002"]


def test_order_by_any_column_with_the_unknown_last() -> None:
    rows = table(TASKS).rows
    assert [row.task["task_id"] for row in ordered(rows, "cost", False)] == ["t3", "t1", "t2"]
    assert [row.task["task_id"] for row in ordered(rows, "cost", True)] == ["t1", "t3", "t2"]
    assert [row.task["task_id"] for row in ordered(rows, "price", False)] == ["t2", "t1", "t3"]
    assert ordered(rows, "no such column", True) == rows


def test_csv_holds_numbers_and_no_formula() -> None:
    lines = as_csv(table([task(1, -1, {"cost": 2}, label='=cmd|" /C calc"!A0'), *TASKS])).splitlines()
    assert lines[0] == "task_id,label,state,price,cost,by.2050"
    assert lines[1] == 't1,"\'=cmd|"" /C calc""!A0",SUCCEEDED,-1,2,'


def test_a_result_of_many_numbers_and_odd_ones() -> None:
    wide = {f"n{i}": i for i in range(100)}
    found = table([task(1, 1, wide), task(2, 2, 7), task(3, 3, [1, 2]), task(4, 4, "text")])
    assert len(found.numbers) == 40 and found.left == 61
    assert table([]).rows == []


ODD = [
    task(1, 0, {"cost": 0.0, "payback": "NaN"}),
    task(2, 1, {"cost": 2, "payback": "-Infinity"}),
    task(3, 2, {"cost": "infeasible", "payback": 3}),
    task(4, 3, attempts=[{"remarks": ["result.json could not be read: line 1.", "Its folder was moved."]}]),
]


def test_what_is_not_a_number_says_so_in_its_cell_alone() -> None:
    found = table(ODD)
    cells = [[cell(row.cells[name]) for name in found.numbers] for row in found.rows]
    assert cells == [["0", "not a number"], ["2", "not a number"], ["infeasible", "3"], ["–", "–"]]
    assert [row.remarks for row in found.rows] == [[], [], [], ["result.json could not be read: line 1."]]
    for down in (False, True):
        last_two = [row.task["task_id"] for row in ordered(found.rows, "payback", down)][2:]
        assert last_two == ["t1", "t4"]
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [row["payback"] for row in rows] == ["NaN", "-Infinity", "3", ""]
    assert [row["remark"] for row in rows] == ["", "", "", "result.json could not be read: line 1."]
