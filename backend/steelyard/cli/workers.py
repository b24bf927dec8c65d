"""`steelyard workers ...`: who works, and how many of them."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.text import Text

from steelyard.answers import Status, Worker
from steelyard.cli.output import Column, state
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import NOTHING, duration, plain, relative, share, size
from steelyard.rules.states import ENDED_WORKERS

_LOG_CHARACTERS = 10_000


@click.group(short_help="List, add, drain and abort workers.")
def workers() -> None:
    """List, add, drain and abort workers. Each runs one task at a time.

    Worker ids may be cut to a beginning that no other listed worker has.

    \b
    Examples:
      steelyard workers list
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
        session.out.table(
            [
                Column("Worker", fixed=True),
                Column("State", fixed=True),
                Column("PID", right=True),
                Column("Memory", fixed=True, right=True),
                Column("CPU", fixed=True, right=True),
                Column("Seen"),
                Column("Doing", wraps=True),
            ],
            (_row(worker, session.now) for worker in status["workers"]),
        )
        session.out.say("")
    session.out.pairs(_summary(status))


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


@workers.command()
@click.argument("worker_id", metavar="[ID]", required=False)
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
@click.argument("worker_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def abort(session: Session, worker_id: str, yes: bool) -> None:
    """End a worker and the task that it runs, at once. The task's work since its last checkpoint is lost.

    \b
    Example:
      steelyard workers abort 3f9a1c20 --yes
    """
    whole, worker = _resolve(session, worker_id)
    if not yes and session.out.watched and worker is not None and worker["state"] not in ENDED_WORKERS:
        click.confirm(f"Abort worker {whole}? {_loss(session, worker)}", abort=True, err=True)
        yes = True
    aborted = session.client.abort(whole, confirm=yes)
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(f"{aborted} is aborted")


@workers.command()
@click.argument("worker_id", metavar="ID")
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
    answer = session.client.cleanup()
    if session.out.as_json:
        session.out.document(answer)
    else:
        session.out.say(f"{answer['cleaned_up']} taken off the list")


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
    saved = (
        f"Its last checkpoint was {relative(task['checkpoint_at'], session.now)}."
        if task["checkpoint_at"]
        else "It has no checkpoint: all its work is lost."
    )
    return (
        f"It runs task {task['task_id']} ({name}), begun {relative(task['started_at'], session.now)}. {saved}"
    )


def _row(worker: Worker, now: float) -> list[str | Text]:
    return [
        worker["worker_id"],
        state(worker["state"]),
        str(worker["pid"] or NOTHING),
        size(worker["memory"]),
        NOTHING if worker["cpu"] is None else f"{worker['cpu']:.0f} %",
        NOTHING if worker["heartbeat_age"] is None else f"{duration(round(worker['heartbeat_age']))} ago",
        _doing(worker, now),
    ]


def _doing(worker: Worker, now: float) -> str:
    words: list[str] = []
    if worker["dead"]:
        words.append("its process is gone")
    if worker["stalled"]:
        words.append("stalled: no heartbeat")
    task = worker["task"]
    if task is not None:
        words.append(f"{task['task_id']} {plain(task['label'] or task['simulation'])}")
        words += [share(task["progress"])] if task["progress"] is not None else []
        words += [f"done {relative(task['eta'], now)}"] if task["eta"] else []
        words += [flag for flag in ("suspended", "quiet") if task[flag]]
    elif worker["reason"]:
        words.append(plain(worker["reason"]))
    return ", ".join(words) or "idle"


def _summary(status: Status) -> Iterator[tuple[str, str]]:
    limits, memory, queue = status["limits"], status["memory"], status["queue"]
    each, cores = size(limits["peak_per_worker"]), limits["physical_cores"]
    bounds = f"{each} each, {cores} cores, at most {limits['hard_cap']}"
    yield (
        "Workers",
        f"{limits['active']} active, {limits['admissible']} admitted now"
        f" (bound by {limits['bound_by']}; {bounds})",
    )
    yield (
        "Memory",
        f"{size(memory['available'])} of {size(memory['total'])} available,"
        f" {size(memory['guard'])} kept as guard, pressure {memory['pressure']}",
    )
    yield "Queue", ", ".join(f"{count} {name}" for name, count in queue.items())
