"""What the demonstration ends with: a table of results, and where the files are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo import view
from demo.sweep import FIGURES
from steelyard.cli.wording import NOTHING, plain, size
from steelyard.client.answers import Task
from steelyard.client.results import took
from steelyard.machine.paths import DataDirectory

WIDE = 98
"""Columns of a terminal that hold the whole table; a narrower one gets it without time and memory."""


def show(console: Console, tasks: Sequence[Task], names: Sequence[str], data: DataDirectory) -> None:
    """Prints the paths of the CSV and PNG files, the table, and the reasons of what failed.

    A folder a line with the names in it, so that twelve runs stay readable; the table comes last, in sight.
    """
    console.print("\n[bold]Files[/bold]")
    for number, task in enumerate(tasks, start=1):
        found = files(task, data)
        if found:
            names_of_files = " ".join(file.name for file in found)
            # Unbroken and unstyled, so that a path can be copied or clicked.
            line = f"{number:>2}  {found[0].parent}{os.sep}  {names_of_files}"
            console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.print()
    console.print(_table(tasks, names, wide=console.width >= WIDE))
    for number, task in enumerate(tasks, start=1):
        if task["state"] != "SUCCEEDED":
            console.print(f"{number}: {why(task)}", style="red", markup=False)


def files(task: Task, data: DataDirectory) -> list[Path]:
    """The CSV and PNG files of the task's last attempt, sorted: first the tables, then the charts."""
    output = data.attempt(task["task_id"], task["attempt"]) / "output"
    return [*sorted(output.glob("*.csv")), *sorted(output.glob("*.png"))]


def why(task: Task) -> str:
    """Why a task has no result, with the last line it printed."""
    parts = [task["state"].lower(), task["cause"]]
    if task["attempts"]:
        last = task["attempts"][-1]
        lines = (last["error_tail"] or "").strip().splitlines()
        parts += [last["evidence"], *lines[-1:]]
    return ", ".join(plain(part) for part in parts if part)


def _table(tasks: Sequence[Task], names: Sequence[str], *, wide: bool) -> Table:
    table = Table(title="Results in 2050", title_justify="left", header_style="bold", box=None)
    table.add_column("#", justify="right")
    table.add_column("scenario", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in (*(("took", "peak") if wide else ()), *FIGURES.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, task in enumerate(tasks, start=1):
        result = task["result"] if isinstance(task["result"], dict) else {}
        table.add_row(
            str(number),
            view.scenario(task, names),
            Text(task["state"].lower(), style=view.STATE_STYLES[task["state"]]),
            *((view.clock(took(task)), size(task["memory"]["peak"])) if wide else ()),
            *(_figure(result.get(name), heading) for name, heading in FIGURES.items()),
        )
    return table


def _figure(value: object, heading: str) -> str:
    """A result in a cell; a share as per cent."""
    if not isinstance(value, int | float):
        return NOTHING
    if "share" in heading:
        return f"{value:.0%}".replace("%", " %")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
