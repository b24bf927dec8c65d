"""`steelyard sweeps ...`: which sweeps there are, and how far one is."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import click

from steelyard.cli import completing, exit_codes
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.sweeps import show_end
from steelyard.cli.wording import relative, share
from steelyard.client.answers import Task
from steelyard.rules.errors import NotFound
from steelyard.rules.states import ENDED_TASKS, TaskState

_LOOKED_AT = 10_000
"""Tasks, the newest; sweeps that are older than all of them are not listed."""


@click.group(short_help="List sweeps, or show how far one is.")
def sweeps() -> None:
    """List sweeps, or show how far one is. What came out of one: steelyard results SWEEP_ID.

    \b
    Examples:
      steelyard sweeps list
      steelyard sweeps show 9f2c41aa03de --wait
    """


@sweeps.command("list")
@connected
def list_(session: Session) -> None:
    """List the sweeps among the newest 10,000 tasks, the newest first.

    \b
    Example:
      steelyard sweeps list
    """
    found: dict[str, list[Task]] = {}
    for task in islice(session.client.tasks(), _LOOKED_AT):
        if task["sweep_id"]:
            found.setdefault(task["sweep_id"], []).append(task)
    views = [_view(sweep_id, tasks) for sweep_id, tasks in found.items()]
    if session.out.as_json:
        session.out.document({"sweeps": views})
        return
    if not views:
        session.out.hint("There is no sweep. Start one with: steelyard sweep SIMULATION -p name=v1,v2")
        return
    session.out.table(
        [
            Column("Sweep", fixed=True),
            Column("Simulation"),
            Column("Tasks", right=True),
            Column("Done", right=True),
            Column("States", wraps=True),
            Column("Queued"),
        ],
        (
            [
                view["sweep_id"],
                view["simulation"],
                str(view["tasks"]),
                share(view["progress"]),
                _states(view),
                relative(view["queued_at"], session.now),
            ]
            for view in views
        ),
    )


@sweeps.command()
@click.argument("sweep_id", metavar="ID", shell_complete=completing.sweeps)
@click.option("--wait", "waits", is_flag=True, help="Wait until all have ended; then show the results.")
@connected
def show(session: Session, sweep_id: str, waits: bool) -> int:
    """Show how far a sweep is. With --wait: bars until all its tasks have ended, then the table of results.

    \b
    Examples:
      steelyard sweeps show 9f2c41aa03de
      steelyard sweeps show 9f2c41aa03de --wait
    """
    tasks = list(session.client.tasks(sweep=sweep_id))[::-1]
    if not tasks:
        raise NotFound(f"There is no sweep {sweep_id}.")
    if waits:
        return show_end(session, sweep_id, [task["task_id"] for task in tasks])
    view = _view(sweep_id, tasks)
    if session.out.as_json:
        session.out.document(view)
        return exit_codes.OK
    session.out.pairs(
        [
            ("Sweep", sweep_id),
            ("Simulation", view["simulation"]),
            ("Queued", relative(view["queued_at"], session.now)),
            ("Tasks", f"{view['tasks']}: {_states(view)}"),
            ("Done", share(view["progress"])),
        ]
    )
    session.out.hint(f"Its tasks: steelyard tasks --sweep {sweep_id}")
    session.out.hint(f"Its results: steelyard results {sweep_id}")
    return exit_codes.OK


def _view(sweep_id: str, tasks: list[Task]) -> dict[str, Any]:
    counts = Counter(task["state"] for task in tasks)
    done = sum(1.0 if task["state"] in ENDED_TASKS else task["progress"] or 0.0 for task in tasks)
    return {
        "sweep_id": sweep_id,
        "simulation": tasks[0]["simulation"],
        "tasks": len(tasks),
        "states": {str(name): counts[name] for name in TaskState if counts[name]},
        "progress": done / len(tasks),
        "queued_at": min(task["queued_at"] for task in tasks),
    }


def _states(view: dict[str, Any]) -> str:
    return ", ".join(f"{count} {name.lower()}" for name, count in view["states"].items())
