"""`steelyard submit`: one task of a simulation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from steelyard.cli import completing, exit_codes, file_values, unseen, values
from steelyard.cli.session import Session, connected
from steelyard.cli.task_options import asked, task_options
from steelyard.cli.waiting import outcome, wait
from steelyard.client.answers import Simulation
from steelyard.rules.states import TaskState


@click.command(short_help="Queue one task of a simulation.")
@click.argument("simulation", shell_complete=completing.simulations)
@click.option(
    "-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; repeatable."
)
@click.option("--parameters", "file", metavar="FILE.json", help="Parameters as a JSON object; - is stdin.")
@click.option("--key", help="Submit once: the same key again answers with the same task.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the end, then show the result; exit 0, 4 or 5.")
@task_options
@connected
def submit(
    session: Session,
    simulation: str,
    given: tuple[str, ...],
    file: str | None,
    key: str | None,
    waits: bool,
    **options: Any,
) -> int:
    """Queue one task of SIMULATION and print its id.

    A VALUE is read as JSON if it is JSON, else as text; a parameter that is text keeps it as it is.

    \b
    Examples:
      steelyard submit steel-pathway -p carbon_price_2050=120
      steelyard submit steel-pathway --parameters case.json --memory 8GiB --wait
    """
    texts = values.pairs(given)
    parameters = values.object_of(file) if file else {}
    known = session.client.simulation(simulation)
    schemas = schemas_of(known)
    parameters |= {name: values.typed(text, schemas.get(name, {})) for name, text in texts.items()}
    fields = asked(options, session.client)
    unseen.note(session.out, known, parameters)
    task_id = session.client.submit(simulation, parameters, key=key, **fields)
    answer = session.answer()
    file_values.note(session.out, known, parameters)
    if not answer["new"]:
        session.out.note(f"task {task_id} is already there: {session.client.task(task_id)['state']}")
    if waits:
        return show_end(session, task_id)
    if session.out.as_json:
        session.out.document(answer)
    else:
        session.out.say(task_id)
        if answer["new"]:
            session.out.hint(f"Queued. See its output with: steelyard logs -f {task_id}")
    return exit_codes.OK


def schemas_of(simulation: Simulation) -> Mapping[str, values.Schema]:
    """The JSON Schema of each parameter of a simulation."""
    properties = simulation["schema"].get("properties")
    return properties if isinstance(properties, dict) else {}


def show_end(session: Session, task_id: str) -> int:
    """Wait for a task, show how it ended, and answer with the exit status that says so."""
    task = wait(session, task_id)
    if session.out.as_json:
        session.out.document(task)
    else:
        session.out.say(outcome(task))
        if task["result"] is not None:
            session.out.say(json.dumps(task["result"], ensure_ascii=False))
        last = task["attempts"][-1] if task["attempts"] else None
        if task["state"] == TaskState.FAILED and last and last["error_tail"]:
            session.out.note(last["error_tail"].rstrip("\n"))
    return exit_codes.OF_STATE[TaskState(task["state"])]
