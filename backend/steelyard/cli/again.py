"""`steelyard again`: a task once more, with changes."""

from __future__ import annotations

from typing import Any

import click

from steelyard.cli import completing, exit_codes, file_values, values
from steelyard.cli.session import Session, connected
from steelyard.cli.submit import schemas_of, show_end
from steelyard.cli.task_options import asked, task_options
from steelyard.client.answers import Task


@click.command(short_help="Queue a task like another one, with changes.")
@click.argument("task_id", metavar="ID", shell_complete=completing.tasks)
@click.option("-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="In place of its own.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the end, then show the result; exit 0, 4 or 5.")
@task_options
@connected
def again(session: Session, task_id: str, given: tuple[str, ...], waits: bool, **options: Any) -> int:
    """Queue a new task like the task ID, with the same parameters and options but for those that are given.

    \b
    Examples:
      steelyard again 3f9a -p carbon_price_2050=150
      steelyard again 3f9a --memory 16GiB --wait
    """
    other = session.client.task(session.client.resolve(task_id))
    texts = values.pairs(given)
    changed: dict[str, Any] = {}
    if texts:
        known = session.client.simulation(other["simulation"])
        schemas = schemas_of(known)
        changed = {name: values.typed(text, schemas.get(name, {})) for name, text in texts.items()}
        file_values.note(session.out, known, changed)
    fields = _options_of(other) | asked(options, session.client)
    made = session.client.submit(other["simulation"], {**(other["parameters"] or {}), **changed}, **fields)
    if waits:
        return show_end(session, made)
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(made)
    return exit_codes.OK


def _options_of(task: Task) -> dict[str, Any]:
    """What was said of a task when it was submitted, as far as it holds for another one."""
    fields: dict[str, Any] = {
        "label": task["label"] or None,
        "priority": task["priority"] or None,
        "timeout": task["timeout"],
        "attempts": task["max_attempts"],
        "queue": task["queue"],
        "tags": task["tags"] or None,
    }
    if task["memory"]["source"] == "task":
        fields["memory"] = task["memory"]["claim"]
    return {name: value for name, value in fields.items() if value is not None}
