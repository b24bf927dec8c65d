"""What the end of a task means for the tasks that wait for it (`after`)."""

from __future__ import annotations

from steelyard.rules.errors import InvalidRequest
from steelyard.rules.states import Cause, TaskState
from steelyard.store.database import Change
from steelyard.store.records import Row, to_json
from steelyard.store.task_views import event_view

# `+state` keeps SQLite from walking all READY tasks by the index on state: the few ids are what to look up.
_UNBLOCK = """UPDATE task SET blockers = blockers - 1 WHERE +state = 'READY' AND blockers > 0
    AND id IN (SELECT task_id FROM task_after WHERE predecessor_id = ?)"""
_WAITING = """SELECT DISTINCT after.task_id, after.predecessor_id FROM task_after AS after
    JOIN task ON task.id = after.task_id
    WHERE +task.state = 'READY' AND after.predecessor_id IN (SELECT value FROM json_each(?))"""
_REJECT = """UPDATE task SET state = 'CANCELLED', cause = 'rejected', finished_at = ?, held_until = NULL,
    message = ? WHERE id = ? AND state = 'READY' RETURNING *"""


def state_of_predecessor(change: Change, task_id: str) -> TaskState:
    """The state of a task that another names in `after`; InvalidRequest if there is none."""
    row = change.execute("SELECT state FROM task WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise InvalidRequest(f"after: there is no task {task_id:.64}.", after=task_id)
    return TaskState(row[0])


def write_event(change: Change, row: Row) -> int:
    """Store the task of this row, as it now is, as an event; its seq."""
    return change.event("task", row["id"], event_view(change, row))


def after_end(change: Change, task_id: str, state: TaskState, now: float) -> None:
    """Move on who waited for a task that has ended in `state`: one blocker less, or CANCELLED as rejected.

    Rejection goes on to the successors' successors. It is for good: when the user retries the task, those
    that were rejected stay CANCELLED until the user retries them too.
    """
    if state is TaskState.SUCCEEDED:
        change.execute(_UNBLOCK, (task_id,))
        return
    ended, how = [task_id], f"ended {state}"
    while ended:
        waiting = change.execute(_WAITING, (to_json(ended),)).fetchall()
        ended, how_now, how = [], how, f"ended {TaskState.CANCELLED} ({Cause.REJECTED})"
        for successor, predecessor in waiting:
            if reject(change, successor, f"task {predecessor}, for which it waited, {how_now}", now):
                ended.append(successor)


def reject(change: Change, task_id: str, why: str, now: float) -> bool:
    """READY → CANCELLED with cause `rejected`; False if it was not READY."""
    row = change.execute(_REJECT, (now, why, task_id)).fetchone()
    if row is None:
        return False
    write_event(change, row)
    return True
