"""`steelyard run -- program args`: any program as a task, its output here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from steelyard.cli import exit_codes, values
from steelyard.cli.logs import show
from steelyard.cli.session import Session, connected, goes_on
from steelyard.cli.task_options import asked, task_options
from steelyard.cli.waiting import outcome, waits
from steelyard.client.answers import Task
from steelyard.client.here import programs_of_here
from steelyard.rules.states import TaskState


@click.command(
    short_help="Run any program as a task and show its output.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--directory", type=click.Path(), help="Where it runs; without it, where you are now.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="Environment; repeatable.")
@click.option("--detach", is_flag=True, help="Print the task's id and leave it to run.")
@click.option("--exit-code", "own_code", is_flag=True, help="Exit as the program did, not with 4 or 5.")
@task_options
@connected
def run(
    session: Session,
    program: tuple[str, ...],
    directory: str | None,
    variables: tuple[str, ...],
    detach: bool,
    own_code: bool,
    **options: Any,
) -> int:
    """Run PROGRAM as a task: when its memory fits, in a process of its own, with its output shown here.

    One attempt is made unless --attempts says more. Ctrl-C leaves the task running.

    \b
    Examples:
      steelyard run -- python model.py --year 2030
      steelyard run --memory 12GiB --env THREADS=4 --detach -- ./simulate case.ini
    """
    fields = asked(options, session.client)
    stated = values.pairs(variables)
    environment: dict[str, str | None] = {**_of_this_shell(session, stated), **stated}
    task_id = session.client.program(
        program, directory=directory or os.curdir, environment=environment, **fields
    )
    if detach:
        if session.out.as_json:
            session.out.document(session.answer())
        else:
            session.out.say(task_id)
        return exit_codes.OK
    return _stream(session, task_id, own_code)


def _of_this_shell(session: Session, stated: Mapping[str, str]) -> dict[str, str | None]:
    """What of this shell goes along, with a note that says so."""
    found = programs_of_here(session.client.system(), stated)
    if found:
        session.out.note(
            f"It runs with what this shell has as {', '.join(found)}; the sidecar's tasks have others."
        )
    return found


def _stream(session: Session, task_id: str, own_code: bool) -> int:
    """Show the output as it comes, then how the task ended; with --json only the task at its end."""
    out = session.out
    said: set[str] = set()

    def watch(task: Task) -> None:
        words = waits(task)
        if words and words not in said:
            said.add(words)
            out.note(words)

    with goes_on(f"task {task_id}", f"steelyard cancel {task_id}"):
        out.hint(f"task {task_id}")
        if out.as_json:
            task = session.client.wait(task_id, watch=watch)
            out.document(task)
        else:
            show(session, session.client.follow(task_id, watch=watch, raw=out.raw))
            task = session.client.wait(task_id)
    if task["state"] != TaskState.SUCCEEDED:
        out.note(outcome(task))
    return _status(task, own_code)


def _status(task: Task, own_code: bool) -> int:
    """4 and 5 for failed and cancelled, or what a shell would say of it: its code, 128 + its signal."""
    last = task["attempts"][-1] if task["attempts"] else None
    if own_code and last is not None:
        if last["signal"] is not None:
            return 128 + last["signal"]
        if last["exit_code"]:
            return last["exit_code"]
    return exit_codes.OF_STATE[TaskState(task["state"])]
