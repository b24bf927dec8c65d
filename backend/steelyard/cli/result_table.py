"""The results of a sweep as a table and as CSV: what was varied, against the numbers that came out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from steelyard.cli.output import Column, state
from steelyard.cli.session import Session
from steelyard.cli.wording import duration, plain, size, value
from steelyard.client.answers import Result
from steelyard.client.results import names_of
from steelyard.rules import figures

_FIXED, _EACH_VARIED, _EACH_NUMBER = 45, 10, 12
"""Columns of a terminal that ids and times take, and what a parameter and a number need to be readable."""
_MOST_REMARKS = 10
"""Lines below a table on results that could not be taken whole."""


def show(session: Session, found: Sequence[Result]) -> None:
    """A table; on a terminal with as many numbers as can be read in its width, in a pipe with all of them."""
    varied = names_of([one["varied"] for one in found])
    names, rows = figures.columns([one["result"] for one in found])
    columns = {name: [one["varied"].get(name) for one in found] for name in varied}
    columns |= {name: [cells.get(name) for cells in rows] for name in names}
    digits = {name: figures.more_digits(column) for name, column in columns.items()}
    hidden: list[str] = []
    if session.out.console.is_terminal:
        room = (session.out.console.width - _FIXED - _EACH_VARIED * len(varied)) // _EACH_NUMBER
        if room >= 0:  # else it is no table, and each number has a line
            names, hidden = names[:room], names[room:]
    session.out.table(
        [
            Column("Task", fixed=True),
            *(Column(name) for name in varied),
            Column("State", fixed=True),
            Column("Took", right=True),
            Column("Peak", right=True),
            *(Column(name, right=True) for name in names),
        ],
        (
            [
                one["task_id"],
                *(value(one["varied"].get(name), digits[name]) for name in varied),
                state(one["state"]),
                duration(one["seconds"]),
                size(one["peak"]),
                *(value(cells.get(name), digits[name]) for name in names),
            ]
            for one, cells in zip(found, rows, strict=True)
        ),
    )
    if hidden:
        do = "number does" if len(hidden) == 1 else "numbers do"
        session.out.note(
            f"{len(hidden)} more {do} not fit here: {', '.join(hidden[:3])}{', ...' if hidden[3:] else ''}."
            " See all in a pipe, or with --csv and --json."
        )
    _say_remarks(session, found)


def as_csv(found: Sequence[Result]) -> str:
    """One line a task: id, label, state, cause, seconds, peak in bytes, every parameter, every number.

    remark, the last column, is there if anything is to be said of a result.
    """
    parameters = names_of([one["parameters"] for one in found])
    names, rows = figures.columns([one["result"] for one in found])
    remarked = any(one["remarks"] for one in found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    about = ["task_id", "label", "state", "cause", "seconds", "peak_bytes"]
    writer.writerow([*about, *parameters, *names, *(["remark"] if remarked else [])])
    for one, cells in zip(found, rows, strict=True):
        writer.writerow(
            [
                *(one["task_id"], one["label"], one["state"], one["cause"], one["seconds"], one["peak"]),
                *(_cell(one["parameters"].get(name)) for name in parameters),
                *(_cell(cells.get(name)) for name in names),
                *([" ".join(one["remarks"])] if remarked else []),
            ]
        )
    return text.getvalue()


def _say_remarks(session: Session, found: Sequence[Result]) -> None:
    """A line for each result that could not be taken, so that no dash stands without a word."""
    lines = [f"{one['task_id']}: {plain(' '.join(one['remarks']))}" for one in found if one["remarks"]]
    for line in lines[:_MOST_REMARKS]:
        session.out.note(line)
    if len(lines) > _MOST_REMARKS:
        session.out.note(
            f"{len(lines) - _MOST_REMARKS} more results could not be taken whole; --csv names each."
        )


def _cell(thing: Any) -> Any:
    if isinstance(thing, float):
        return figures.spelled(thing)
    return json.dumps(thing, ensure_ascii=False) if isinstance(thing, bool | list | dict) else thing
