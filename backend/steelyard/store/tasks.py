"""Tasks: read, move, edit, retry. What else is done to a task lies beside this file and is offered here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from steelyard.rules.errors import Conflict, InvalidRequest, NotFound
from steelyard.rules.states import ENDED_TASKS, Cause, TaskState, check_task
from steelyard.store.claims import (
    Outcome,
    ask_to_cancel,
    checkpointed,
    claim,
    finish,
    history,
    open_attempts,
    open_of_worker,
    started,
)
from steelyard.store.database import Change
from steelyard.store.queueing import let_go_overheld, next_due, runnable, smallest_claim, wake
from steelyard.store.records import Reader, from_json, to_json
from steelyard.store.successors import after_end, state_of_predecessor, write_event
from steelyard.store.task_insert import NewTask, insert
from steelyard.store.task_pages import counts, page
from steelyard.store.task_text import index_tags, index_text
from steelyard.store.task_views import event_view, view, views

__all__ = [
    "NewTask",
    "Outcome",
    "announce",
    "ask_to_cancel",
    "checkpointed",
    "claim",
    "counts",
    "edit",
    "end_waiting",
    "event_view",
    "finish",
    "held_until",
    "history",
    "insert",
    "let_go_overheld",
    "move",
    "next_due",
    "open_attempts",
    "open_of_worker",
    "page",
    "reckon",
    "retry_by_user",
    "retry_with_dependents",
    "row",
    "runnable",
    "smallest_claim",
    "started",
    "unfinished_predecessors",
    "view",
    "views",
    "wake",
]

_REJECTED = """SELECT task.id FROM task_after AS after JOIN task ON task.id = after.task_id
    WHERE after.predecessor_id = ? AND +task.state = 'CANCELLED' AND task.cause = 'rejected'
    ORDER BY task.serial"""

_UNFINISHED = """SELECT task.id, before.value FROM task, json_each(task.predecessors) AS before
    JOIN task AS earlier ON earlier.id = before.value
    WHERE task.id IN (SELECT value FROM json_each(?)) AND earlier.state <> 'SUCCEEDED'
    ORDER BY task.id, before.key"""
_HELD = """SELECT id, held_until FROM task
    WHERE id IN (SELECT value FROM json_each(?)) AND +held_until IS NOT NULL"""

_MOVABLE = frozenset(
    {
        "cause",
        "claim",
        "claim_source",
        "finished_at",
        "forced",
        "held_until",
        "message",
        "not_before",
        "passes",
    }
)
"""Columns that move() may set beside the state."""


def row(reader: Reader, task_id: str) -> dict[str, Any] | None:
    """The row of a task by its columns (JSON columns as text); None if there is none."""
    found = _row(reader, task_id)
    return None if found is None else dict(found)


def _row(reader: Reader, task_id: str) -> sqlite3.Row | None:
    found = reader.execute("SELECT * FROM task WHERE id = ?", (task_id,)).fetchone()
    assert found is None or isinstance(found, sqlite3.Row)
    return found


def _existing(reader: Reader, task_id: str) -> sqlite3.Row:
    found = _row(reader, task_id)
    if found is None:
        raise NotFound(f"There is no task {task_id}.")
    return found


def unfinished_predecessors(reader: Reader, task_ids: Sequence[str]) -> dict[str, list[str]]:
    """Task -> ids of the tasks that it still waits for, in the order of `after`; without those that wait for
    none.
    """
    found: dict[str, list[str]] = {}
    for task_id, before in reader.execute(_UNFINISHED, (to_json(task_ids),)).fetchall():
        found.setdefault(str(task_id), []).append(str(before))
    return found


def held_until(reader: Reader, task_ids: Sequence[str]) -> dict[str, float]:
    """READY task -> Unix seconds before which it does not start (not_before, or back-off); without those that
    may start now.
    """
    return {str(one[0]): float(one[1]) for one in reader.execute(_HELD, (to_json(task_ids),)).fetchall()}


def announce(change: Change, task_id: str, *, suspended: bool) -> None:
    """Store the task as an event though its state is the same: it now stands still, or goes on. NotFound."""
    change.event("task", task_id, {**event_view(change, _existing(change, task_id)), "suspended": suspended})


def move(
    change: Change,
    task_id: str,
    old_states: TaskState | Iterable[TaskState],
    new_state: TaskState,
    **columns: Any,
) -> bool:
    """Change the state of a task that does not run, with other columns; False if it was in no old state.

    A change to an ended state stamps finished_at (now, unless given) and moves its successors on. RUNNING is
    reached by claim() and left by finish() alone, which hold the fence: ValueError. IllegalTransition for a
    pair that is in no table.
    """
    old = {old_states} if isinstance(old_states, TaskState) else set(old_states)
    for state in old:
        check_task(state, new_state)
    if TaskState.RUNNING in old or new_state is TaskState.RUNNING:
        raise ValueError("a task starts and stops running by claim() and finish() only")
    unknown = columns.keys() - _MOVABLE
    if unknown:
        raise ValueError(f"move() does not set {', '.join(sorted(unknown))}")
    ended = new_state in ENDED_TASKS
    if ended:
        columns = {"finished_at": change.now, "held_until": None, **columns}
    settings = "".join(f", {name} = :{name}" for name in columns)
    new = change.execute(
        f"UPDATE task SET state = :new{settings} "
        "WHERE id = :id AND state IN (SELECT value FROM json_each(:old)) RETURNING *",
        {**columns, "id": task_id, "new": new_state.value, "old": to_json(sorted(old))},
    ).fetchone()
    if new is None:
        return False
    write_event(change, new)
    if ended:
        after_end(change, task_id, new_state, columns["finished_at"])
    return True


def end_waiting(change: Change, task_id: str, state: TaskState, cause: Cause, now: float) -> bool:
    """READY → CANCELLED or FAILED with a cause, and its successors with it; False if it was not READY."""
    return move(change, task_id, TaskState.READY, state, cause=cause.value, finished_at=now)


def edit(
    change: Change,
    task_id: str,
    *,
    priority: int | None = None,
    label: str | None = None,
    claim: int | None = None,
    claim_source: str = "task",
    tags: Sequence[str] | None = None,
) -> None:
    """Change what the user may change; None leaves a value alone. NotFound, InvalidRequest.

    Conflict: priority and claim mean nothing any more once a task has ended. A claim that is changed while
    the task runs counts for its next attempt.
    """
    old = _existing(change, task_id)
    if TaskState(old["state"]) in ENDED_TASKS and (priority is not None or claim is not None):
        raise Conflict(f"Task {task_id} is {old['state']}; its priority and memory matter no more.")
    unique = from_json(old["tags"]) if tags is None else list(dict.fromkeys(tags))
    try:
        new = change.execute(
            """UPDATE task SET priority = coalesce(:priority, priority), label = coalesce(:label, label),
               claim_source = CASE WHEN :claim IS NULL THEN claim_source ELSE :source END,
               claim = coalesce(:claim, claim), tags = :tags WHERE id = :id RETURNING *""",
            {
                "id": task_id,
                "priority": priority,
                "label": label,
                "claim": claim,
                "source": claim_source,
                "tags": to_json(unique),
            },
        ).fetchone()
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"A value cannot be stored: {error}.") from error
    change.execute("DELETE FROM task_tag WHERE serial = ?", (new["serial"],))
    index_tags(change, new["serial"], unique)
    index_text(change, new["serial"], new)
    write_event(change, new)


def reckon(change: Change, task_id: str, claim: int, claim_source: str) -> None:
    """Weigh a READY task with another claim (bytes), as was learned meanwhile; no event."""
    change.execute(
        "UPDATE task SET claim = ?, claim_source = ? WHERE id = ? AND state = 'READY'",
        (claim, claim_source, task_id),
    )


def retry_with_dependents(change: Change, task_id: str, now: float) -> list[str]:
    """Retry a task, and after it all that were rejected because of it; the ids, in their order.

    NotFound and Conflict as retry_by_user(). One that also waits for another task which failed stays.
    """
    retry_by_user(change, task_id, now)
    retried = [task_id]
    for done in retried:  # it grows: dependents have dependents
        found = change.execute(_REJECTED, (done,)).fetchall()
        for dependent in (str(row[0]) for row in found):
            try:
                retry_by_user(change, dependent, now)
            except Conflict:
                continue
            retried.append(dependent)
    return retried


def retry_by_user(change: Change, task_id: str, now: float) -> None:
    """FAILED or CANCELLED → READY at the end of the queue, with the whole budget of attempts again.

    NotFound; Conflict for another state, or while a predecessor has not succeeded and will not: that one must
    be retried first. Its own successors that were rejected stay CANCELLED.
    """
    old = _existing(change, task_id)
    state = TaskState(old["state"])
    if state not in (TaskState.FAILED, TaskState.CANCELLED):
        raise Conflict(
            f"Task {task_id} is {state}; only one that failed or was cancelled can be retried.", state=state
        )
    blockers = 0
    for predecessor in from_json(old["predecessors"]):
        before = state_of_predecessor(change, predecessor)
        if before in (TaskState.FAILED, TaskState.CANCELLED):
            raise Conflict(
                f"Task {task_id} waits for {predecessor}, which is {before}; retry that one first.",
                after=predecessor,
            )
        blockers += before is not TaskState.SUCCEEDED
    new = change.execute(
        """UPDATE task SET state = 'READY', position = (SELECT max(position) + 1 FROM task),
           budget_from = attempt, queued_at = :now, started_at = NULL, finished_at = NULL,
           cancel_requested = 0, blockers = :blockers, passes = 0, progress = NULL,
           held_until = CASE WHEN not_before > :now THEN not_before END,
           message = '', result = NULL, cause = (SELECT cause FROM attempt
               WHERE attempt.task_id = task.id AND attempt.number = task.attempt)
           WHERE id = :id AND state = :state RETURNING *""",
        {"id": task_id, "now": now, "blockers": blockers, "state": state.value},
    ).fetchone()
    write_event(change, new)
