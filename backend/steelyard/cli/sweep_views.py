"""`steelyard sweeps ...`: which sweeps there are, and how far one is."""

from __future__ import annotations

from typing import Any

import click

from steelyard.cli import completing, exit_codes, sweep_ids
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.sweeps import show_end
from steelyard.cli.wording import relative, share
from steelyard.client.answers import SweepView


@click.group(short_help="List sweeps, or show how far one is.")
def sweeps() -> None:
    """List sweeps, or show how far one is. What came out of one: steelyard results SWEEP_ID.

    \b
    Examples:
      steelyard sweeps list
      steelyard sweeps show 9f2c41aa03de --wait
    """


@sweeps.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), help="Only so many; without it all.")
@connected
def list_(session: Session, limit: int | None) -> None:
    """List the sweeps, the newest first.

    \b
    Examples:
      steelyard sweeps list
      steelyard sweeps list --limit 10
    """
    views = (
        list(session.client.sweeps()) if limit is None else session.client.sweep_page(limit=limit)["sweeps"]
    )
    if session.out.as_json:
        session.out.document({"sweeps": [_document(view) for view in views]})
        return
    if not views:
        session.out.hint("There is no sweep. Start one with: steelyard sweep SIMULATION -p name=v1,v2")
        return
    named = any(view["name"] for view in views)
    session.out.table(
        [
            Column("Sweep", fixed=True),
            *([Column("Name")] if named else []),
            Column("Simulation"),
            Column("Tasks", right=True),
            Column("Done", right=True),
            Column("States", wraps=True),
            Column("Queued"),
        ],
        (
            [
                view["sweep_id"],
                *([view["name"]] if named else []),
                view["simulation"],
                str(view["total"]),
                share(view["progress"]),
                sweep_ids.states(view),
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
    sweep_id = sweep_ids.resolve(session.client, sweep_id)
    view = session.client.sweep_view(sweep_id)
    if waits:
        tasks = list(session.client.tasks(sweep=sweep_id))[::-1]
        return show_end(session, sweep_id, [task["task_id"] for task in tasks])
    if session.out.as_json:
        session.out.document(_document(view))
        return exit_codes.OK
    session.out.pairs(
        [
            ("Sweep", sweep_id),
            *([("Name", view["name"])] if view["name"] else []),
            ("Simulation", view["simulation"]),
            ("Queued", relative(view["queued_at"], session.now)),
            ("Tasks", f"{view['total']}: {sweep_ids.states(view)}"),
            ("Done", share(view["progress"])),
        ]
    )
    session.out.hint(f"Its tasks: steelyard tasks --sweep {sweep_id}")
    session.out.hint(f"Its results: steelyard results {sweep_id}")
    return exit_codes.OK


def _document(view: SweepView) -> dict[str, Any]:
    """The server's answer, and with it the names that these commands had before there was one."""
    return {
        **view,
        "tasks": view["total"],
        "states": {name: count for name, count in view["counts"].items() if count},
    }
