"""`steelyard forecast`: when the queue is done."""

from __future__ import annotations

import click

from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import plain, relative
from steelyard.client.answers import Forecast, Outlook
from steelyard.machine import local_time
from steelyard.rules import forecast_words
from steelyard.rules.timestamps import iso, unix

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
    """Show when all that can start will be done, with 1, 2, ... workers, what keeps it from being sooner, and
    what cannot start.

    Reckoned from what earlier runs took, from the progress of those that run and from how long they have run.

    \b
    Example:
      steelyard forecast
    """
    found = session.client.forecast()
    if session.out.as_json:
        session.out.document(found)
        return
    now = session.now

    def clock(moment: float) -> str:
        return local_time.clock(moment, now)

    def when(moment: float) -> str:
        return f"at {clock(moment)} ({relative(iso(moment), now)})"

    if found["outlooks"]:
        rows = [
            [
                str(one["workers"]) + (" (as now)" if one["workers"] == found["workers"] else ""),
                f"{clock(unix(one['done_at']))} ({relative(one['done_at'], now)})",
                clock(unix(one["earliest"])),
                clock(unix(one["latest"])),
                BOUND.get(one["bound_by"], one["bound_by"]),
            ]
            for one in found["outlooks"]
        ]
        session.out.table([Column(title) for title in TITLES], rows)
    session.out.say(plain(forecast_words.sentence(found, _as_now(found), when, clock)))
    if found["paused"] and found["remaining"]:
        session.out.say("The queue is paused; this is as if it went on now.")
    if forecast_words.nobody_works(found):
        session.out.say("No worker is there, so nothing starts; `steelyard workers add` starts one.")


def _as_now(found: Forecast) -> Outlook | None:
    """The outlook with as many workers as there are."""
    outlooks = found["outlooks"]
    return outlooks[min(max(found["workers"], 1), len(outlooks)) - 1] if outlooks else None
