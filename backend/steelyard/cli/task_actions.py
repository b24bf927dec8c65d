"""`steelyard cancel`, `retry`, `suspend`, `resume`: one or several tasks at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from steelyard.cli import completing, exit_codes, sweep_ids
from steelyard.cli.session import Refusal, Session, connected
from steelyard.client.errors import NoSidecar
from steelyard.rules.errors import SteelyardError

_SOME_IDS = click.argument("task_ids", metavar="[ID...]", nargs=-1, shell_complete=completing.tasks)
_IDS = click.argument("task_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completing.tasks)


@click.command(short_help="End tasks that wait or run.")
@_SOME_IDS
@click.option(
    "--sweep", metavar="ID", help="All of this sweep that have not ended.", shell_complete=completing.sweeps
)
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
    if sweep is not None:
        sweep = sweep_ids.resolve(session.client, sweep)
        number = session.client.cancel_sweep(sweep)
        _of_sweep(session, f"{_tasks(number)} of sweep {sweep} cancelled")
    return _each(session, task_ids, session.client.cancel, "cancelled") if task_ids else exit_codes.OK


@click.command(short_help="Queue failed or cancelled tasks again.")
@_SOME_IDS
@click.option(
    "--with-dependents", is_flag=True, help="Also the tasks that were cancelled because they failed."
)
@click.option(
    "--sweep",
    metavar="ID",
    help="All of this sweep that failed or were cancelled.",
    shell_complete=completing.sweeps,
)
@connected
def retry(session: Session, task_ids: tuple[str, ...], with_dependents: bool, sweep: str | None) -> int:
    """Queue tasks that failed or were cancelled again. They go on from their last checkpoint.

    \b
    Examples:
      steelyard retry $(steelyard tasks --state FAILED --ids)
      steelyard retry 3f9a --with-dependents
      steelyard retry --sweep 9f2c41aa03de
    """
    if not task_ids and sweep is None:
        raise click.UsageError("name tasks, or a sweep with --sweep")

    def again(task_id: str) -> str:
        done = session.client.retry(task_id, with_dependents=with_dependents)
        others = len(session.answer()["task_ids"]) - 1
        depend = "depends" if others == 1 else "depend"
        return f"{done} and {_tasks(others)} that {depend} on it" if others else done

    if sweep is not None:
        sweep = sweep_ids.resolve(session.client, sweep)
        number = session.client.retry_sweep(sweep)
        _of_sweep(session, f"{_tasks(number)} of sweep {sweep} queued again")
    return _each(session, task_ids, again, "queued again") if task_ids else exit_codes.OK


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


def _of_sweep(session: Session, words: str) -> None:
    """What was done to all tasks of a sweep."""
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(words)


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


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
