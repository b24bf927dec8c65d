"""A task as clients see it: its row, with live figures laid over and, while it waits, why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steelyard.machine.local_time import local
from steelyard.rules import pause
from steelyard.rules.errors import NotFound
from steelyard.rules.quantities import format_size
from steelyard.rules.reasons import Waiting, no_worker, waiting_sentence
from steelyard.rules.states import TaskState, WorkerState
from steelyard.rules.timestamps import iso
from steelyard.store import samples as samples_table
from steelyard.store import task_pages, tasks
from steelyard.store.faults import SENTENCES
from steelyard.supervisor import views, watching
from steelyard.supervisor.views import eta
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.yard import Yard

View = dict[str, Any]

SHORT_PAGE = 100
"""Tasks of a page that are read at once; those of a longer one would hold up others."""


def one(yard: Yard, task_id: str) -> View:
    """A task as clients see it. NotFound."""
    view = tasks.view(yard.database, task_id)
    if view is None:
        raise NotFound(f"There is no task {task_id}.")
    _lively(yard, {"tasks": [view]})
    return view


def samples(yard: Yard, task_id: str) -> list[View]:
    """Memory (bytes) and CPU (per cent of one core) over time:

    {"attempt", "at", "memory", "cpu"}. NotFound.
    """
    one(yard, task_id)
    found = samples_table.read(yard.database, task_id)
    handle = yard.holder(task_id)
    if handle is not None and handle.attempt is not None:
        number = handle.attempt.number
        found += [
            {"attempt": number, "at": iso(at), "memory": memory, "cpu": round(cpu, 1)}
            for at, memory, cpu in handle.attempt.points
        ]
    return found


def page(yard: Yard, filters: dict[str, Any], limit: int, cursor: str | None) -> View:
    """One page of tasks, newest first. InvalidRequest for a cursor that is none."""
    return _lively(yard, task_pages.page(yard.database, filters, limit, cursor))


async def find(yard: Yard, filters: dict[str, Any], limit: int, cursor: str | None) -> View:
    """The same, beside the loop where it takes long: where every task must be looked at (a search of 100,000
    takes 20 to 50 ms), and for long pages.
    """
    if not filters.get("q") and limit <= SHORT_PAGE:
        return page(yard, filters, limit, cursor)
    return _lively(
        yard, await yard.database.aside.read(lambda db: task_pages.page(db, filters, limit, cursor))
    )


def _lively(yard: Yard, found: View) -> View:
    """Lay live figures over the tasks of a page, and say why those wait that do."""
    waiting = [view for view in found["tasks"] if view["state"] == TaskState.READY]
    ids = [view["task_id"] for view in waiting]
    held = tasks.held_until(yard.database, ids) if ids else {}
    after = [view["task_id"] for view in waiting if view["after"]]
    blockers = tasks.unfinished_predecessors(yard.database, after) if after else {}
    for view in waiting:
        task_id = view["task_id"]
        view["waiting_for"] = _waiting_for(yard, view, blockers.get(task_id, []), held.get(task_id))
    for view in found["tasks"]:
        if view["state"] == TaskState.RUNNING:
            handle = yard.holder(view["task_id"])
            if handle is not None and handle.attempt is not None:
                lay_over(yard, view, handle.attempt)
    return found


def lay_over(yard: Yard, view: View, attempt: RunningAttempt) -> None:
    """Put the figures that live in memory over those of the row."""
    view["progress"] = attempt.progress
    view["message"] = attempt.message
    view["eta"] = eta(yard, attempt)
    view["suspended"] = attempt.suspended
    view["checkpoint_at"] = iso(attempt.checkpoint_wall)
    view["unsaved"] = round(attempt.unsaved(yard.clocks.awake()), 1)
    view["memory"]["peak"] = max(attempt.peak, view["memory"]["peak"] or 0) or None
    view["cpu_seconds"] = round(attempt.cpu_seconds, 3)
    for past in view["attempts"]:
        if past["number"] == attempt.number:
            past["pid"] = attempt.pid
            past["peak_memory"] = attempt.peak or None
            past["cpu_seconds"] = round(attempt.cpu_seconds, 3)


def _what_helps(yard: Yard, why: Waiting) -> str:
    """Where other programs hold what a task needs: which of them a person could close."""
    if why.reason != "other_programs":
        return ""
    chosen = views.closable(yard, why.need - why.free)
    names = " and ".join(f"{one['name']} ({format_size(one['memory'])})" for one in chosen)
    return f"; it would fit if you close {names}" if names else ""


def _waiting_for(yard: Yard, view: View, blockers: Sequence[str], held: float | None) -> str:
    """Why a READY task does not start, in words. blockers: the tasks that it waits for; held: until when."""
    now = yard.clocks.wall()
    if blockers:
        return (
            "task "
            + ", ".join(blockers[:3])
            + (f" and {len(blockers) - 3} more" if len(blockers) > 3 else "")
        )
    if held is not None and held > now:
        return f"its time: {local(held)}"
    trouble = yard.database.condition.trouble
    if trouble is not None:
        return SENTENCES[trouble.kind]
    if yard.leaving:
        return "the next start: Steelyard is shutting down"
    if yard.pause.by is not None:
        return pause.WAITING_FOR[yard.pause.by]
    serving = [h for h in yard.handles.values() if h.queue == view["queue"] and not (h.gone or h.leaving)]
    if not serving:
        return no_worker(view["queue"])
    if yard.ladder.holding:
        memory = yard.scale.view(yard.settings)
        free, kept = format_size(memory.available), format_size(memory.guard)
        return f"memory: {free} are free, and {kept} are kept; no task starts until there is more"
    turn = watching.waiting_for(yard, view["simulation"])
    if turn is not None:
        return turn
    known = yard.waiting.get(view["task_id"])
    if known is not None:
        return waiting_sentence(known) + _what_helps(yard, known)
    if any(h.state is WorkerState.STARTING for h in serving):
        return "a worker that is starting"
    if any(h.idle for h in serving):
        return "its turn"
    return "a free worker: each one has a task"
