"""The table of a sweep: what its tasks were given against the numbers that came out.

Pure: views in, table out.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import Any

from steelyard.rules import figures

Json = dict[str, Any]
Cell = str | int | float | bool | None

MOST_NUMBERS = 40
"""Columns of results; what a result holds beyond them stands in its file."""


@dataclass(slots=True)
class Row:
    """One task: its parameters that differ, and its numbers, by column; NaN and infinities are floats."""

    task: Json
    cells: dict[str, Cell]
    remarks: list[str]
    """What is to be said of its result, where some or all of it could not be taken."""


@dataclass(slots=True)
class Table:
    """parameters and numbers are names of columns; same: parameters that all tasks share, with their text."""

    parameters: list[str]
    numbers: list[str]
    same: list[tuple[str, str]]
    rows: list[Row]
    digits: dict[str, int]
    """Of each column: the digits that its numbers need beyond the usual ones to be told apart."""
    left: int = 0
    """Columns of numbers that are not shown."""

    @property
    def columns(self) -> list[str]:
        """All that can be sorted by, but for the state."""
        return [*self.parameters, *self.numbers]


def table(tasks: list[Json], most: int = MOST_NUMBERS) -> Table:
    """The table of these tasks, in their order."""
    names = list(dict.fromkeys(name for task in tasks for name in task["parameters"] or {}))
    differing = [name for name in names if _differs(tasks, name)]
    numbers, results = figures.columns([task["result"] for task in tasks])
    shown = [name for name in numbers if name not in differing][:most]
    rows = [
        Row(
            task,
            {
                **{name: _cell((task["parameters"] or {}).get(name)) for name in differing},
                **{name: _cell(result.get(name)) for name in shown},
            },
            figures.of_result(task["attempts"][-1]["remarks"]) if task["attempts"] else [],
        )
        for task, result in zip(tasks, results, strict=True)
    ]
    digits = {name: figures.more_digits(row.cells[name] for row in rows) for name in (*differing, *shown)}
    first: Json = tasks[0]["parameters"] or {} if tasks else {}
    same = [(name, str(_cell(first.get(name)))) for name in names if name not in differing]
    return Table(differing, shown, same, rows, digits, len(numbers) - len(shown))


def ordered(rows: list[Row], column: str, down: bool) -> list[Row]:
    """By a column, or "state"; what has no value, and what is not a number, stands last either way round."""
    known = [row for row in rows if _is_known(_value(row, column))]
    known.sort(key=lambda row: _key(_value(row, column)), reverse=down)
    return known + [row for row in rows if not _is_known(_value(row, column))]


def as_csv(table: Table) -> str:
    """The table as a spreadsheet reads it: RFC 4180, a point in numbers, and no text that is a formula.

    remark, the last column, is there if anything is to be said of a result.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    remarked = any(row.remarks for row in table.rows)
    writer.writerow(["task_id", "label", "state", *table.columns, *(["remark"] if remarked else [])])
    for row in table.rows:
        about = [row.task["task_id"], _harmless(row.task["label"]), row.task["state"]]
        said = [" ".join(row.remarks)] if remarked else []
        writer.writerow([*about, *(_harmless(row.cells[name]) for name in table.columns), *said])
    return out.getvalue()


def _differs(tasks: list[Json], name: str) -> bool:
    seen = {json.dumps((task["parameters"] or {}).get(name), sort_keys=True) for task in tasks}
    return len(seen) > 1


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _value(row: Row, column: str) -> Cell:
    return str(row.task["state"]) if column == "state" else row.cells.get(column)


def _is_known(value: Cell) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _key(value: Cell) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value).casefold())


def _harmless(value: Cell) -> Cell:
    """Text that a spreadsheet would take for a formula is marked as text (OWASP, CSV injection)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return figures.spelled(value) if isinstance(value, float) else value
