"""Look at sweeps, and cancel or retry all tasks of one.

A sweep may have 10,000 tasks: they are changed in slices, so that nobody else waits for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from steelyard.rules.errors import Conflict, InvalidRequest, NotFound
from steelyard.rules.states import ENDED_TASKS, Cause, TaskState
from steelyard.store import claims, sweeps, tasks
from steelyard.store.database import Change
from steelyard.supervisor import task_actions
from steelyard.supervisor.yard import Yard

SLICE = 100
"""Tasks changed in one transaction: a few milliseconds of the event loop."""

RETRIED = (TaskState.FAILED, TaskState.CANCELLED)
"""The states that retry() takes where no other is named."""


async def page(yard: Yard, limit: int, cursor: str | None) -> dict[str, Any]:
    """The newest sweeps, and the cursor of the page after. InvalidRequest for a cursor that is none.

    It is read beside the loop: a page of large sweeps counts a million tasks.
    """
    before = None
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
            raise InvalidRequest("cursor: this is no cursor of this list", field="cursor")
        before = int(cursor)
    found, following = await yard.database.aside.read(lambda db: sweeps.page(db, limit, before))
    _lay_over(yard, found)
    return {"sweeps": found, "next": None if following is None else str(following)}


def one(yard: Yard, sweep_id: str) -> dict[str, Any]:
    """The sweep with the counts of its tasks. NotFound."""
    found = sweeps.view(yard.database, sweep_id)
    if found is None:
        raise NotFound(f"There is no sweep {sweep_id:.64}.")
    _lay_over(yard, [found])
    return found


def _lay_over(yard: Yard, found: Sequence[dict[str, Any]]) -> None:
    """Add how far each sweep is, 0 to 1: its ended tasks, and the shares of those that run."""
    shares = {
        handle.attempt.task_id: handle.attempt.progress or 0.0
        for handle in yard.handles.values()
        if handle.attempt is not None
    }
    running: dict[str, float] = {}
    for task_id, sweep_id in sweeps.of_tasks(yard.database, list(shares)).items():
        running[sweep_id] = running.get(sweep_id, 0.0) + shares[task_id]
    for sweep in found:
        ended = sum(sweep["counts"][state] for state in ENDED_TASKS)
        done = ended + running.get(sweep["sweep_id"], 0.0)
        sweep["progress"] = min(1.0, done / sweep["total"]) if sweep["total"] else 1.0


async def cancel(yard: Yard, sweep_id: str) -> int:
    """End every task of a sweep that waits or runs; how many. NotFound.

    Those that wait go first, in the order in which they would start: else each end of a running one would
    start the next.
    """
    one(yard, sweep_id)
    waiting = sweeps.task_ids(yard.database, sweep_id, [TaskState.READY])
    cancelled = 0
    for ids in _slices(waiting + sweeps.task_ids(yard.database, sweep_id, [TaskState.RUNNING])):
        ended, running = await yard.database.change(partial(_end, task_ids=ids), "cancel")
        for task_id in running:
            task_actions.stop_attempt(yard, task_id, "cancelled")
        cancelled += ended + len(running)
    yard.hurry()
    return cancelled


def _end(change: Change, task_ids: Sequence[str]) -> tuple[int, list[str]]:
    """Cancel those that wait, and keep it of those that run; how many waited, and who runs.

    Each may have started, ended or been given back since it was looked up.
    """
    running = [task_id for task_id in task_ids if claims.ask_to_cancel(change, task_id)]
    waited = sum(
        tasks.move(change, task_id, TaskState.READY, TaskState.CANCELLED, cause=Cause.CANCELLED)
        for task_id in task_ids
        if task_id not in running
    )
    return waited, running


async def retry(yard: Yard, sweep_id: str, states: Iterable[TaskState] = RETRIED) -> int:
    """Queue the tasks of a sweep that ended in one of states again, each with its attempts anew; how many.

    One that waits for a task which has not succeeded stays as it is. NotFound.
    """
    one(yard, sweep_id)
    retried = 0
    for ids in _slices(sweeps.task_ids(yard.database, sweep_id, states)):
        now = yard.clocks.wall()
        retried += await yard.database.change(partial(_requeue, task_ids=ids, now=now), "retry")
        yard.hurry()
    return retried


def _requeue(change: Change, task_ids: Sequence[str], now: float) -> int:
    retried = 0
    for task_id in task_ids:
        try:
            tasks.retry_by_user(change, task_id, now)
        except (Conflict, NotFound):
            # Started, retried or removed meanwhile, or waiting for one that failed outside this sweep.
            continue
        retried += 1
    return retried


def _slices(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while found := list(islice(rest, SLICE)):
        yield found
