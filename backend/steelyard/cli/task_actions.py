"""`steelyard cancel`, `retry`, `suspend`, `resume`: one or several tasks at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from steelyard.cli import completing, exit_codes
from steelyard.cli.session import Refusal, Session, connected
from steelyard.client.errors import NoSidecar
from steelyard.rules.errors import SteelyardError
from steelyard.rules.states import TaskState

_IDS = click.argument("task_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completing.tasks)


@click.command(short_help="End tasks that wait or run.")
@click.argument("task_ids", metavar="[ID...]", nargs=-1, shell_complete=completing.tasks)
@click.option("--sweep", metavar="ID", help="All tasks of this sweep that have not ended.")
@connected
def cancel(session: Session, task_ids: tuple[str, ...], sweep: str | None) -> int:
    """End tasks that wait or run. A running program is asked to stop, and ended after 10 seconds.

    \b
    Examples:
      steelyard cancel 3f9a 77b0
      steelyard cancel --sweep 9f2c41aa03de
    """
    if not task_ids and sweep is None:
        raise click.UsageError("name tasks, or a sweep with --sweep")
    # Those that wait first: each running one that ends would only let the next of them start.
    for state in (TaskState.READY, TaskState.RUNNING) if sweep else ():
        task_ids += tuple(task["task_id"] for task in session.client.tasks(sweep=sweep, state=str(state)))
    return _each(session, task_ids, session.client.cancel, "cancelled")


@click.command(short_help="Queue failed or cancelled tasks again.")
@_IDS
@connected
def retry(session: Session, task_ids: tuple[str, ...]) -> int:
    """Queue tasks that failed or were cancelled again. They go on from their last checkpoint.

    \b
    Example:
      steelyard retry $(steelyard tasks --state FAILED --ids)
    """
    return _each(session, task_ids, session.client.retry, "queued again")


@click.command(short_help="Stop running tasks where they are.")
@_IDS
@connected
def suspend(session: Session, task_ids: tuple[str, ...]) -> int:
    """Stop running tasks where they are. Their memory stops growing; what they hold is not freed.

    \b
    Example:
      steelyard suspend 3f9a
    """
    return _each(session, task_ids, session.client.suspend, "suspended")


@click.command(short_help="Let suspended tasks go on.")
@_IDS
@connected
def resume(session: Session, task_ids: tuple[str, ...]) -> int:
    """Let suspended tasks go on.

    \b
    Example:
      steelyard resume 3f9a
    """
    return _each(session, task_ids, session.client.resume, "resumed")


def _each(session: Session, task_ids: Sequence[str], act: Callable[[str], str], done: str) -> int:
    """Do it to each; a refusal is told and does not keep the others from it. 1 if any was refused."""
    answers: list[Any] = []
    refused = False
    for beginning in task_ids:
        try:
            task_id = act(session.client.resolve(beginning))
        except NoSidecar:
            raise
        except SteelyardError as error:
            refused = True
            Refusal(error, session.out.as_json).show()
            continue
        answers.append(session.answer())
        if not session.out.as_json:
            session.out.say(f"{task_id} {done}")
    if session.out.as_json and answers:
        session.out.document(answers[0] if len(task_ids) == 1 else answers)
    return exit_codes.REFUSED if refused else exit_codes.OK
