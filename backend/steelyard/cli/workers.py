"""`steelyard workers ...`: who works, and how many of them."""

from __future__ import annotations

import click

from steelyard.cli import completing, exit_codes, worker_watch
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import duration, plain, relative
from steelyard.cli.worker_rows import COLUMNS, row, summary
from steelyard.client.answers import Worker
from steelyard.rules.states import ENDED_WORKERS

_LOG_CHARACTERS = 10_000


@click.group(short_help="List, watch, add, drain and abort workers.")
def workers() -> None:
    """List, watch, add, drain and abort workers. Each runs one task at a time.

    Worker ids may be cut to a beginning that no other listed worker has.

    \b
    Examples:
      steelyard workers list
      steelyard workers watch
      steelyard workers add --count 2
    """


@workers.command("list")
@connected
def list_(session: Session) -> None:
    """List the workers, with memory and CPU of all that they started.

    \b
    Example:
      steelyard workers list
    """
    status = session.client.status()
    if session.out.as_json:
        session.out.document(status)
        return
    if status["workers"]:
        session.out.table(COLUMNS, (row(worker, session.now) for worker in status["workers"]))
        session.out.say("")
    session.out.pairs(summary(status))


@workers.command(short_help="Watch the workers until Ctrl-C.")
@connected
def watch(session: Session) -> None:
    """Watch the workers: a table that follows what happens, until Ctrl-C.

    In a pipe it prints a line for each change, with --json a status for each.

    \b
    Example:
      steelyard workers watch
    """
    worker_watch.watch(session)


@workers.command()
@click.option("--count", type=click.IntRange(1, 256), default=1, show_default=True, help="How many.")
@click.option("--force", is_flag=True, help="Even without room in memory or free cores.")
@connected
def add(session: Session, count: int, force: bool) -> None:
    """Start workers and print their ids. Without room the first one is refused, with the figures.

    \b
    Examples:
      steelyard workers add
      steelyard workers add --count 3
    """
    if count == 1:
        made = [session.client.add_worker(force=force)]
    else:
        made = session.client.add_workers(count, force=force)
    if session.out.as_json:
        session.out.document(session.answer())
        return
    for worker_id in made:
        session.out.say(worker_id)
    if len(made) < count:
        session.out.note(f"{len(made)} of {count} workers were admitted; why: steelyard workers list")


@workers.command(short_help="Let a worker finish its task and leave.")
@click.argument("worker_id", metavar="[ID]", required=False, shell_complete=completing.workers)
@connected
def drain(session: Session, worker_id: str | None) -> None:
    """Let a worker finish its task and leave; without an ID the one that has run longest.

    \b
    Example:
      steelyard workers drain
    """
    drained = session.client.drain(None if worker_id is None else _resolve(session, worker_id)[0])
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(f"{drained} is draining")


@workers.command()
@click.argument("worker_id", metavar="ID", shell_complete=completing.workers)
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def abort(session: Session, worker_id: str, yes: bool) -> int:
    """End a worker and the task that it runs, at once. The task's work since its last checkpoint is lost.

    \b
    Example:
      steelyard workers abort 3f9a1c20 --yes
    """
    whole, worker = _resolve(session, worker_id)
    if not yes and session.out.watched and worker is not None and worker["state"] not in ENDED_WORKERS:
        if not click.confirm(f"Abort worker {whole}? {_loss(session, worker)}", err=True):
            session.out.note(f"{whole} goes on")
            return exit_codes.REFUSED
        yes = True
    aborted = session.client.abort(whole, confirm=yes)
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(f"{aborted} is aborted")
    return exit_codes.OK


@workers.command(short_help="Show a worker's own log.")
@click.argument("worker_id", metavar="ID", shell_complete=completing.workers)
@click.option("--tail", type=click.IntRange(min=1), help="Only the last so many characters.")
@connected
def log(session: Session, worker_id: str, tail: int | None) -> None:
    """Show a worker's own log: its start, what it ran and how that ended.

    \b
    Example:
      steelyard workers log 3f9a1c20
    """
    text = session.client.worker_log(_resolve(session, worker_id)[0], tail=tail)
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.text(text if text.endswith("\n") or not text else text + "\n")


@workers.command()
@connected
def cleanup(session: Session) -> None:
    """Take the ended workers off the list. Their logs stay.

    \b
    Example:
      steelyard workers cleanup
    """
    count = session.client.cleanup()
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(f"{count} taken off the list")


def _resolve(session: Session, beginning: str) -> tuple[str, Worker | None]:
    """The whole id of a listed worker that begins so; what no or several workers match goes as it is."""
    found = [
        worker for worker in session.client.status()["workers"] if worker["worker_id"].startswith(beginning)
    ]
    return (found[0]["worker_id"], found[0]) if len(found) == 1 else (beginning, None)


def _loss(session: Session, worker: Worker) -> str:
    """What is lost with a worker, for the question before its abort."""
    if worker["task"] is None:
        return "It runs no task."
    task = session.client.task(worker["task"]["task_id"])
    name = plain(task["label"] or task["simulation"])
    unsaved = duration(round(task["unsaved"] or 0))
    saved = (
        f"It loses {unsaved} of work: its last checkpoint was written"
        f" {relative(task['checkpoint_at'], session.now)}."
        if task["checkpoint_at"]
        else f"It has no checkpoint: all its work is lost, {unsaved} of it."
    )
    return (
        f"It runs task {task['task_id']} ({name}), begun {relative(task['started_at'], session.now)}. {saved}"
    )
