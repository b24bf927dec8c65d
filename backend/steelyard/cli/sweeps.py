"""`steelyard sweep`: a task for each combination of values, and a table of what came out."""

from __future__ import annotations

from typing import Any

import click

from steelyard.answers import Sweep, Task
from steelyard.cli import exit_codes, values
from steelyard.cli.output import Column, state
from steelyard.cli.session import Session, connected, goes_on
from steelyard.cli.submit import schemas_of
from steelyard.cli.task_options import asked, task_options
from steelyard.cli.waiting import Bars, doing
from steelyard.cli.wording import between, duration, plain, size, value
from steelyard.rules.states import ENDED_TASKS, TaskState

_POLL = 1.0


@click.command(short_help="Queue a task for each combination of parameter values.")
@click.argument("simulation")
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=V1,V2,...",
    help="Values of a parameter; repeatable.",
)
@click.option("--rows", "rows_file", metavar="FILE", help="CSV with a head line, or a JSON list of objects.")
@click.option("--base", "base_file", metavar="FILE.json", help="Parameters that all the tasks share.")
@click.option("--ordered", is_flag=True, help="Start them in their order.")
@click.option(
    "--wait", "waits", is_flag=True, help="Wait until all have ended; then show a table of results."
)
@task_options
@connected
def sweep(
    session: Session,
    simulation: str,
    given: tuple[str, ...],
    rows_file: str | None,
    base_file: str | None,
    ordered: bool,
    waits: bool,
    **options: Any,
) -> int:
    """Queue a task of SIMULATION for each combination of values and print the id of the sweep.

    With --rows each row is one task, and -p gives what all of them share. Values that hold commas are written
    as a JSON list: -p name='["a,b","c"]'.

    \b
    Examples:
      steelyard sweep steel-pathway -p pathway=reference,net-zero -p carbon_price_2050=0,50,100
      steelyard sweep steel-pathway --rows cases.csv --wait
    """
    texts = values.pairs(given)
    if not texts and not rows_file:
        raise click.UsageError("a sweep needs values: -p name=v1,v2 or --rows FILE")
    base = values.object_of(base_file) if base_file else {}
    schemas = schemas_of(session, simulation)
    grid = rows = None
    if rows_file:
        rows = values.rows_of(rows_file, schemas)
        base |= {name: values.typed(text, schemas.get(name, {})) for name, text in texts.items()}
    else:
        grid = {name: values.value_list(text, schemas.get(name, {})) for name, text in texts.items()}
    fields = asked(options, session.client.resolve)
    made = session.client.sweep(simulation, base=base, grid=grid, rows=rows, ordered=ordered, **fields)
    if waits:
        return _show_end(session, made)
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(made["sweep_id"])
        session.out.hint(
            f"{len(made['task_ids'])} tasks are queued: steelyard tasks --sweep {made['sweep_id']}"
        )
    return exit_codes.OK


def _show_end(session: Session, made: Sweep) -> int:
    ending = f"steelyard cancel --sweep {made['sweep_id']}"
    with goes_on(f"sweep {made['sweep_id']}", ending), Bars(session) as bars:
        _wait(session, made, bars)
    tasks = {task["task_id"]: task for task in session.client.tasks(sweep=made["sweep_id"])}
    ordered = [tasks[task_id] for task_id in made["task_ids"] if task_id in tasks]
    if session.out.as_json:
        session.out.document({"sweep_id": made["sweep_id"], "tasks": ordered})
    else:
        results(session, ordered)
    states = {task["state"] for task in ordered}
    return next(
        (exit_codes.OF_STATE[bad] for bad in (TaskState.FAILED, TaskState.CANCELLED) if bad in states),
        exit_codes.OK,
    )


def _wait(session: Session, made: Sweep, bars: Bars) -> None:
    """Until every task has ended: a bar for the whole, and one for each that runs."""
    total = len(made["task_ids"])
    while True:
        ended = {name: _count(session, made, name) for name in sorted(ENDED_TASKS)}
        done = sum(ended.values())
        words = ", ".join(f"{count} {name.lower()}" for name, count in ended.items() if count)
        summary = f"{done} of {total}" + (f" ({words})" if words else "")
        bars.line("all", f"sweep {made['sweep_id']}", done / total, summary)
        bars.say("all", f"sweep {made['sweep_id']}: {summary}")
        if done >= total:
            return
        running = session.client.task_page(sweep=made["sweep_id"], state="RUNNING", limit=100)["tasks"]
        for gone in set(bars.keys()) - {"all"} - {task["task_id"] for task in running}:
            bars.drop(gone)
        for task in running:
            name = plain(task["label"] or task["task_id"])[:24]
            bars.line(task["task_id"], name, task["progress"] or 0.0, doing(task, session.now))
        session.client.sleep(_POLL)


def _count(session: Session, made: Sweep, name: str) -> int:
    return session.client.task_page(sweep=made["sweep_id"], state=name, limit=1)["total"]


def results(session: Session, tasks: list[Task]) -> None:
    """A table of tasks: what was varied, how it ended, and the numbers of its result."""
    varied = [name for name in _names(tasks, "parameters") if len({_key(task, name) for task in tasks}) > 1]
    figures = [
        name
        for name in _names(tasks, "result")
        if any(isinstance(_field(task, "result", name), int | float) for task in tasks)
    ]
    hidden: list[str] = []
    if session.out.console.is_terminal:
        # A terminal shows as many as can be read in its width; a pipe gets all of them.
        room = max(0, (session.out.console.width - 45 - 10 * len(varied)) // 12)
        figures, hidden = figures[:room], figures[room:]
    session.out.table(
        [
            Column("Task", fixed=True),
            *(Column(name) for name in varied),
            Column("State", fixed=True),
            Column("Took", right=True),
            Column("Peak", right=True),
            *(Column(name, right=True) for name in figures),
        ],
        (
            [
                task["task_id"],
                *(value(_field(task, "parameters", name)) for name in varied),
                state(task["state"]),
                duration(between(task["started_at"], task["finished_at"])),
                size(task["memory"]["peak"]),
                *(value(_field(task, "result", name)) for name in figures),
            ]
            for task in tasks
        ),
    )
    if hidden:
        session.out.note(
            f"{len(hidden)} more numbers do not fit here; they are there in a pipe and with --json."
        )


def _names(tasks: list[Task], part: str) -> list[str]:
    found: dict[str, None] = {}
    for task in tasks:
        fields: Any = task[part]  # type: ignore[literal-required]
        if isinstance(fields, dict):
            found |= dict.fromkeys(fields)
    return list(found)


def _field(task: Task, part: str, name: str) -> Any:
    fields: Any = task[part]  # type: ignore[literal-required]
    return fields.get(name) if isinstance(fields, dict) else None


def _key(task: Task, name: str) -> str:
    return repr(_field(task, "parameters", name))
