"""`steelyard tasks` and `steelyard task ID`: what is queued, runs and has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.text import Text

from steelyard.cli import completing, sweep_ids
from steelyard.cli.output import Column, state
from steelyard.cli.session import Session, connected
from steelyard.cli.waiting import doing, when
from steelyard.cli.wording import NOTHING, duration, plain, relative, share, size, value
from steelyard.client.answers import Attempt, Task
from steelyard.client.results import took
from steelyard.rules.states import TaskState


class States(click.ParamType[str]):
    """States of tasks with commas between, in small or large letters."""

    name = "state"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As the API has them, or bad usage."""
        found = [word.strip().upper() for word in str(value).split(",")]
        wrong = [word for word in found if word not in set(TaskState)]
        if wrong:
            self.fail(f"{wrong[0]!r} is no state; there are {', '.join(TaskState)}", param, ctx)
        return ",".join(found)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The states that begin so, behind those that are there already."""
        before, comma, word = incomplete.rpartition(",")
        return [
            CompletionItem(before + comma + state) for state in TaskState if state.startswith(word.upper())
        ]


@click.command(short_help="List tasks, the newest first.")
@click.option("--state", "states", type=States(), help="Only those in this state, or one of a,b,...")
@click.option("--simulation", help="Only those of this simulation.")
@click.option("--sweep", help="Only those of this sweep.", shell_complete=completing.sweeps)
@click.option("--tag", help="Only those with this tag.")
@click.option("-q", "--search", "q", help="Only those in which this text is found.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.option("--cursor", help="Go on where the page before ended.")
@click.option("--ids", is_flag=True, help="All ids that match, one a line, and nothing else.")
@connected
def tasks(
    session: Session,
    states: str | None,
    simulation: str | None,
    sweep: str | None,
    tag: str | None,
    q: str | None,
    limit: int,
    cursor: str | None,
    ids: bool,
) -> None:
    """List tasks, the newest first.

    \b
    Examples:
      steelyard tasks --state READY,RUNNING
      steelyard tasks --sweep 9f2c41aa03de --json
      steelyard retry $(steelyard tasks --state FAILED --tag nightly --ids)
    """
    sweep = sweep_ids.resolve(session.client, sweep) if sweep else None
    filters = {"state": states, "simulation": simulation, "sweep": sweep, "tag": tag, "q": q}
    if ids:
        found = [task["task_id"] for task in session.client.tasks(**filters)]
        if session.out.as_json:
            session.out.document(found)
        for task_id in [] if session.out.as_json else found:
            session.out.say(task_id)
        return
    page = session.client.task_page(**filters, limit=limit, cursor=cursor)
    if session.out.as_json:
        session.out.document(page)
        return
    if not page["tasks"]:
        session.out.hint("No task matches." if any(filters.values()) else "There is no task yet.")
        return
    session.out.table(
        [
            Column("Task", fixed=True),
            Column("Simulation"),
            Column("Label"),
            Column("State", fixed=True),
            Column("Done", right=True),
            Column("When"),
        ],
        (_row(session, task) for task in page["tasks"]),
    )
    if page["next"]:
        session.out.hint(f"{len(page['tasks'])} of {page['total']}. The next: --cursor {page['next']}")


def _row(session: Session, task: Task) -> list[str | Text]:
    return [
        task["task_id"],
        task["simulation"],
        task["label"] or NOTHING,
        state(task["state"]),
        share(task["progress"]),
        when(task, session.now),
    ]


@click.command(short_help="Show one task with all its attempts.")
@click.argument("task_id", metavar="ID", shell_complete=completing.tasks)
@click.option("--samples", is_flag=True, help="Show its memory and CPU over time instead.")
@connected
def task(session: Session, task_id: str, samples: bool) -> None:
    """Show one task with all its attempts. ID may be cut to a beginning that no other has.

    \b
    Examples:
      steelyard task 3f9a
      steelyard task 3f9a --samples
    """
    if samples:
        _samples(session, session.client.resolve(task_id))
        return
    found = session.client.task(session.client.resolve(task_id))
    if session.out.as_json:
        session.out.document(found)
        return
    session.out.pairs(_facts(found, session.now))
    if found["attempts"]:
        session.out.say("")
        session.out.table(
            [
                Column("Attempt", right=True),
                Column("Worker", fixed=True),
                Column("Started"),
                Column("Took", right=True),
                Column("Ended", wraps=True),
                Column("Peak", right=True),
                Column("CPU", right=True),
            ],
            (_attempt_row(attempt, session.now) for attempt in found["attempts"]),
        )
        for attempt in found["attempts"]:
            for remark in attempt["remarks"]:
                session.out.say(f"\nAttempt {attempt['number']}: {remark}")
        tail = found["attempts"][-1]["error_tail"]
        if found["state"] == TaskState.FAILED and tail:
            session.out.say(f"\nLast output of attempt {found['attempts'][-1]['number']}:")
            session.out.say(tail.rstrip("\n"))


def _samples(session: Session, task_id: str) -> None:
    found = session.client.samples(task_id)
    if session.out.as_json:
        session.out.document(session.answer())
        return
    session.out.table(
        [
            Column("Attempt", right=True),
            Column("At", fixed=True),
            Column("Memory", right=True),
            Column("CPU", right=True),
        ],
        ([str(one["attempt"]), one["at"], size(one["memory"]), f"{one['cpu']:.0f} %"] for one in found),
    )


def _facts(task: Task, now: float) -> Iterator[tuple[str, str | Text]]:
    yield "Task", task["task_id"]
    yield "Simulation", task["simulation"]
    if task["label"]:
        yield "Label", task["label"]
    yield "State", _state_line(task, now)
    if task["parameters"]:
        yield "Parameters", "  ".join(f"{name}={value(given)}" for name, given in task["parameters"].items())
    yield (
        "Queued",
        relative(task["queued_at"], now) + f" in queue {task['queue']}, priority {task['priority']}",
    )
    if task["not_before"]:
        yield "Not before", relative(task["not_before"], now)
    if task["after"]:
        yield "After", " ".join(task["after"])
    if task["started_at"]:
        seconds = took(task)
        yield (
            "Started",
            relative(task["started_at"], now) + ("" if seconds is None else f", took {duration(seconds)}"),
        )
    memory = task["memory"]
    yield "Memory", f"claims {size(memory['claim'])} ({memory['source']}), peak {size(memory['peak'])}"
    yield (
        "Limits",
        f"{duration(task['timeout']) if task['timeout'] else 'no time limit'}, attempt {task['attempt']}"
        f" of {task['max_attempts']}",
    )
    if task["checkpoint_at"]:
        yield "Checkpoint", relative(task["checkpoint_at"], now)
    if task["unsaved"] is not None:
        yield "Not saved", f"{duration(round(task['unsaved']))} of work, lost if it ends now"
    for name, text in (("Tags", " ".join(task["tags"])), ("Sweep", task["sweep_id"]), ("Key", task["key"])):
        if text:
            yield name, text
    if task["result"] is not None:
        yield "Result", json.dumps(task["result"], ensure_ascii=False)


def _state_line(task: Task, now: float) -> Text:
    line = state(task["state"])
    if task["state"] not in (TaskState.RUNNING, TaskState.READY):
        cause = "" if task["state"] == TaskState.SUCCEEDED else f"  {task['cause'] or ''}"
        return line.append(cause, style="")
    return line.append(f"  {doing(task, now).removeprefix(task['state']).removeprefix(': ')}", style="")


def _attempt_row(attempt: Attempt, now: float) -> list[str | Text]:
    ended = attempt["cause"] or "runs"
    if attempt["evidence"] and attempt["cause"] != "succeeded":
        ended += f": {plain(attempt['evidence'])}"
    return [
        str(attempt["number"]),
        attempt["worker_id"] or NOTHING,
        relative(attempt["started_at"], now),
        duration(attempt["seconds"]),
        ended,
        size(attempt["peak_memory"]),
        duration(attempt["cpu_seconds"]),
    ]
