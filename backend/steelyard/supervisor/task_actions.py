"""What a person may do to a task: cancel, retry, suspend, resume, edit."""

from __future__ import annotations

import asyncio
from typing import Any

from steelyard.rules.errors import Conflict, InvalidRequest, NotFound, WillNeverFit
from steelyard.rules.quantities import format_size, parse_size
from steelyard.rules.states import Cause, TaskState
from steelyard.store import claims, tasks
from steelyard.store.database import Change
from steelyard.supervisor import outcomes, workspaces
from steelyard.supervisor.launch import STOP_GRACE
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

CONFIRMATION = 5.0
"""Seconds that an agent has to say that it has suspended or resumed a tree."""


def _row(yard: Yard, task_id: str) -> dict[str, Any]:
    row = tasks.row(yard.database, task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return row


def _forbidden(task_id: str, state: str, what: str) -> Conflict:
    return Conflict(f"Task {task_id} is {state}; it cannot be {what}.", state=state)


async def cancel(yard: Yard, task_id: str) -> str:
    """Take a task out of the queue, or end its attempt (softly first) while its worker goes on.

    NotFound, Conflict.
    """
    _row(yard, task_id)

    def apply(change: Change) -> bool:
        row = _row(yard, task_id)
        if row["state"] == TaskState.RUNNING:
            claims.ask_to_cancel(change, task_id)
            return True
        if row["state"] != TaskState.READY:
            raise _forbidden(task_id, row["state"], "cancelled")
        tasks.move(change, task_id, TaskState.READY, TaskState.CANCELLED, cause=Cause.CANCELLED)
        return False

    if await yard.database.change(apply, "cancel"):
        stop_attempt(yard, task_id, "cancelled")
    yard.hurry()
    return task_id


def stop_attempt(yard: Yard, task_id: str, reason: str) -> None:
    """Ask the agent that runs a task to end it: softly, then the tree."""
    handle = yard.holder(task_id)
    if handle is not None and handle.attempt is not None and handle.attempt.stop_reason is None:
        handle.attempt.stop_reason = reason
        if workspaces.give_up(yard, handle, handle.attempt, reason, outcomes.finish):
            return
        handle.send("stop", task_id=task_id, attempt=handle.attempt.number, reason=reason, grace=STOP_GRACE)


async def retry(yard: Yard, task_id: str, *, with_dependents: bool = False) -> list[str]:
    """Queue an ended task again, with its attempts' budget anew and its checkpoint kept; the ids retried.

    with_dependents: after it also those that were cancelled because it had not succeeded. NotFound, Conflict.
    """
    _row(yard, task_id)

    def apply(change: Change) -> list[str]:
        row = _row(yard, task_id)
        if row["state"] not in (TaskState.FAILED, TaskState.CANCELLED):
            raise _forbidden(task_id, row["state"], "retried")
        now = yard.clocks.wall()
        if with_dependents:
            return tasks.retry_with_dependents(change, task_id, now)
        tasks.retry_by_user(change, task_id, now)
        return [task_id]

    retried = await yard.database.change(apply, "retry")
    yard.hurry()
    return retried


async def suspend(yard: Yard, task_id: str, suspended: bool) -> str:
    """Let a running task's whole tree stand still (its memory stays taken), or go on. NotFound, Conflict."""
    row = _row(yard, task_id)
    word = "suspended" if suspended else "resumed"
    handle = yard.holder(task_id)
    if (
        row["state"] != TaskState.RUNNING
        or handle is None
        or handle.attempt is None
        or handle.attempt.pid is None
    ):
        raise _forbidden(task_id, row["state"], word)
    if handle.attempt.suspended == suspended:
        raise Conflict(
            f"Task {task_id} is {'already' if suspended else 'not'} suspended.", state=row["state"]
        )
    try:
        async with asyncio.timeout(CONFIRMATION):
            done = await handle.order(suspended, "user")
    except TimeoutError:
        raise Conflict(
            f"Worker {handle.worker_id} did not answer; task {task_id} may not be {word}."
        ) from None
    if done is None:
        raise Conflict(f"Task {task_id} has just ended; it cannot be {word}.")
    if done != suspended:
        raise Conflict(f"Task {task_id} could not be {word}.")
    await _announce(yard, handle, task_id)
    return task_id


async def _announce(yard: Yard, handle: WorkerHandle, task_id: str) -> None:
    suspended = handle.attempt is not None and handle.attempt.suspended
    await yard.database.change(lambda change: tasks.announce(change, task_id, suspended=suspended))


async def edit(yard: Yard, task_id: str, changes: dict[str, Any]) -> str:
    """Change priority, label, memory or tags. What a running task claims is settled: Conflict. NotFound."""
    row = _row(yard, task_id)
    claim = None
    if "memory" in changes:
        if row["state"] != TaskState.READY:
            raise _forbidden(task_id, row["state"], "given another claim")
        claim = _claim(yard, row, changes["memory"])
    known = {key: changes[key] for key in ("priority", "label", "tags") if key in changes}

    def apply(change: Change) -> None:
        if claim is not None and _row(yard, task_id)["state"] != TaskState.READY:
            raise _forbidden(task_id, "RUNNING", "given another claim")
        tasks.edit(change, task_id, claim=claim, **known)

    await yard.database.change(apply)
    yard.hurry()
    return task_id


def _claim(yard: Yard, row: dict[str, Any], stated: Any) -> int:
    try:
        claim = parse_size(stated)
    except ValueError as error:
        raise InvalidRequest(f"memory: {error}", field="memory") from None
    if claim <= 0:
        raise InvalidRequest("memory: a claim is more than 0 bytes", field="memory")
    view = yard.scale.view(yard.settings)
    if claim > view.total - view.guard and not row["forced"]:
        raise WillNeverFit(
            f"{format_size(claim)} will never fit: this machine can give a task "
            f"{format_size(view.total - view.guard)} at most.",
            need=claim,
            most=view.total - view.guard,
        )
    return claim
