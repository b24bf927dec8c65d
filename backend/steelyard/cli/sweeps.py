"""`steelyard sweep`: a task for each combination of values, and a table of what came out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from steelyard.cli import (
    completing,
    exit_codes,
    file_values,
    result_table,
    row_files,
    sweep_ids,
    unseen,
    values,
)
from steelyard.cli.session import Session, connected, goes_on
from steelyard.cli.submit import schemas_of
from steelyard.cli.task_options import asked, task_options
from steelyard.cli.waiting import Bars, Pace, doing
from steelyard.cli.wording import duration, plain
from steelyard.client import results
from steelyard.client.answers import Task
from steelyard.rules.states import TaskState


@click.command(short_help="Queue a task for each combination of parameter values.")
@click.argument("simulation", shell_complete=completing.simulations)
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
@click.option("--name", help="What the sweep is called in lists.")
@click.option("--key", help="Submit once: the same key again answers with the same sweep.")
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
    name: str | None,
    key: str | None,
    ordered: bool,
    waits: bool,
    **options: Any,
) -> int:
    """Queue a task of SIMULATION for each combination of values and print the id of the sweep.

    With --rows each row is one task, and -p gives what all of them share. Values that hold commas are written
    as a JSON list: -p name='["a,b","c"]'.

    \b
    Examples:
      steelyard sweep steel-pathway -p carbon_price_2050=0,50,100,150
      steelyard sweep steel-pathway --rows cases.csv --wait
    """
    texts = values.pairs(given)
    if not texts and not rows_file:
        raise click.UsageError("a sweep needs values: -p name=v1,v2 or --rows FILE")
    base = values.object_of(base_file) if base_file else {}
    known = session.client.simulation(simulation)
    schemas = schemas_of(known)
    grid = rows = None
    if rows_file:
        rows = row_files.rows_of(rows_file, schemas)
        base |= {name: values.typed(text, schemas.get(name, {})) for name, text in texts.items()}
    else:
        grid = {name: values.value_list(text, schemas.get(name, {})) for name, text in texts.items()}
    fields = asked(options, session.client)
    axes = [{name: value} for name, axis in (grid or {}).items() for value in axis]
    unseen.note(session.out, known, base, *axes, *(rows or ()))
    made = session.client.sweep(
        simulation, base=base, grid=grid, rows=rows, ordered=ordered, name=name, key=key, **fields
    )
    answer = session.answer()
    if not made["new"]:
        view = session.client.sweep_view(made["sweep_id"])
        session.out.note(f"sweep {made['sweep_id']} is already there: {sweep_ids.states(view)}")
    file_values.note(session.out, known, base, *axes, *(rows or ()))
    if not session.out.as_json and len(made["task_ids"]) > 1:
        _tell_why_one_at_a_time(session, simulation)
    if waits:
        return show_end(session, made["sweep_id"], made["task_ids"])
    if session.out.as_json:
        session.out.document(answer)
    else:
        session.out.say(made["sweep_id"])
        session.out.hint(
            f"{len(made['task_ids'])} tasks are queued: steelyard tasks --sweep {made['sweep_id']}"
        )
    return exit_codes.OK


def _tell_why_one_at_a_time(session: Session, simulation: str) -> None:
    run = session.client.simulation(simulation).get("run")
    if run and run["why"]:
        session.out.note(run["why"])


def show_end(session: Session, sweep_id: str, task_ids: list[str]) -> int:
    """Wait for a sweep, show its table, and answer with the exit status that says how it went."""
    with goes_on(f"sweep {sweep_id}", f"steelyard cancel --sweep {sweep_id}"), Bars(session) as bars:
        ended = _wait(session, sweep_id, task_ids, bars)
    ordered = [ended[task_id] for task_id in task_ids]
    if session.out.as_json:
        session.out.document({"sweep_id": sweep_id, "tasks": ordered})
    else:
        result_table.show(session, results.of(ordered))
    return exit_codes.of_states(task["state"] for task in ordered)


def _wait(session: Session, sweep_id: str, task_ids: list[str], bars: Bars) -> dict[str, Task]:
    """The tasks once every one has ended: a bar for the whole, and one for each that runs."""
    ended: dict[str, Task] = {}
    running: dict[str, float] = {}
    pace = Pace(session.clocks.monotonic)

    def whole() -> None:
        counts = Counter(task["state"] for task in ended.values())
        words = ", ".join(f"{counts[name]} {name.lower()}" for name in sorted(counts))
        summary = f"{len(ended)} of {len(task_ids)}" + (f" ({words})" if words else "")
        done = (len(ended) + sum(running.values())) / len(task_ids)
        left = pace.remaining(done)
        bars.line("all", f"sweep {sweep_id}", done, summary + (f", done in {duration(left)}" if left else ""))
        bars.say("all", f"sweep {sweep_id}: {summary}")

    def watch(task: Task) -> None:
        if task["state"] == TaskState.RUNNING:
            running[task["task_id"]] = task["progress"] or 0.0
            name = plain(task["label"] or task["task_id"])[:24]
            bars.line(task["task_id"], name, task["progress"] or 0.0, doing(task, session.now))
            whole()
        elif running.pop(task["task_id"], None) is not None:
            bars.drop(task["task_id"])

    whole()
    for task in session.client.as_completed(task_ids, watch=watch):
        ended[task["task_id"]] = task
        whole()
    return ended
