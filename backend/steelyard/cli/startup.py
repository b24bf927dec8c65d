"""`steelyard startup`: what the first page asks, and the answer."""

from __future__ import annotations

from collections.abc import Iterator

import click

from steelyard.cli.session import Session, connected
from steelyard.cli.wording import plain, size
from steelyard.client.answers import Startup

_CHOICES = {"start": "start", "start-anyway": "start_anyway", "without-workers": "without_workers"}


@click.command(short_help="Show or answer what the first page asks.")
@click.argument("choice", type=click.Choice(list(_CHOICES)), required=False)
@connected
def startup(session: Session, choice: str | None) -> None:
    """Show what the first page asks a person when no worker is there, or answer it with a CHOICE.

    It is answered once a launch; a sidecar that was started with --workers has its answer.

    \b
    Examples:
      steelyard startup
      steelyard startup start-anyway
    """
    if choice is None:
        found = session.client.startup()
        if session.out.as_json:
            session.out.document(found)
        else:
            session.out.pairs(_facts(found))
        return
    worker_id = session.client.answer_startup(_CHOICES[choice])
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(worker_id or "no worker is started")


def _facts(found: Startup) -> Iterator[tuple[str, str]]:
    yield "Workers", str(found["workers"])
    yield "Room", f"{size(found['headroom'])} above the guard, {size(found['need'])} for the next task"
    if found["prompt"]:
        yield "Question", "start a worker without enough memory (start-anyway), or none (without-workers)?"
        closable = ", ".join(
            f"{plain(one['name'])} ({size(one['memory'])})" for one in found["closable"] or ()
        )
        if closable:
            yield "Would fit", f"if you close {closable}"
    elif found.get("start_worker"):
        yield "Question", "none: a worker may start (start)"
    else:
        yield "Question", "none"
