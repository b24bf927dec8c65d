"""`steelyard forecast`: when the queue is done."""

from __future__ import annotations

import click

from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import relative
from steelyard.client.answers import Forecast

TITLES = ("Workers", "Done", "Earliest", "Latest", "Bound by")

BOUND = {
    "memory": "memory",
    "cores": "cores",
    "workers": "the workers",
    "tasks": "nothing: too few tasks",
}


@click.command(short_help="Show when the queue is done.")
@connected
def forecast(session: Session) -> None:
    """Show when all tasks will be done, with 1, 2, ... workers, and what keeps it from being sooner.

    Reckoned from what earlier runs took and from the progress of those that run.

    \b
    Example:
      steelyard forecast
    """
    found = session.client.forecast()
    if session.out.as_json:
        session.out.document(found)
        return
    if found["outlooks"]:
        rows = [
            [
                str(one["workers"]) + (" (as now)" if one["workers"] == found["workers"] else ""),
                relative(one["done_at"], session.now),
                relative(one["earliest"], session.now),
                relative(one["latest"], session.now),
                BOUND.get(one["bound_by"], one["bound_by"]),
            ]
            for one in found["outlooks"]
        ]
        session.out.table([Column(title) for title in TITLES], rows)
    session.out.say(_remark(found))


def _remark(found: Forecast) -> str:
    remaining, unknown = found["remaining"], found["unknown"]
    if not remaining:
        return "Nothing is left to do."
    tasks = "1 task is" if remaining == 1 else f"{remaining} tasks are"
    held = " The queue is paused; this is as if it went on now." if found["paused"] else ""
    if not unknown:
        return f"{tasks} left.{held}"
    return f"{tasks} left; {unknown} cannot be reckoned yet: no run like them has been completed.{held}"
