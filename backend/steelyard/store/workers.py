"""Rows of workers. What a worker looks like with its live figures is the supervisor's: it hands that in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from steelyard.rules.states import LIVE_WORKERS, WorkerState, check_worker
from steelyard.store.database import Change
from steelyard.store.records import Reader, to_json
from steelyard.store.tables import Worker

_LIVE = to_json(sorted(LIVE_WORKERS))
_COLUMNS = frozenset(Worker._meta.columns)


def insert(
    change: Change,
    *,
    worker_id: str,
    queue: str,
    started_at: float,
    forced: bool,
    view: Mapping[str, Any],
) -> None:
    """A new worker, STARTING; `view` is the data of its event."""
    change.execute(
        """INSERT INTO worker(id, state, queue, started_at, forced, error_tail, tasks_done, tasks_failed,
           listed) VALUES (?, ?, ?, ?, ?, '', 0, 0, 1)""",
        (worker_id, WorkerState.STARTING.value, queue, started_at, forced),
    )
    change.event("worker", worker_id, view)


def move(
    change: Change,
    worker_id: str,
    old_states: WorkerState | Iterable[WorkerState],
    new_state: WorkerState,
    view: Mapping[str, Any],
    **columns: Any,
) -> bool:
    """Change the state of a worker, with other columns; False, and no event, if it was in no old state.

    `view` is the data of the event, as the worker is after the change. IllegalTransition for a pair that is
    in no table; ValueError for a column that is none.
    """
    old = {old_states} if isinstance(old_states, WorkerState) else set(old_states)
    for state in old:
        check_worker(state, new_state)
    unknown = columns.keys() - _COLUMNS
    if unknown:
        raise ValueError(f"a worker has no {', '.join(sorted(unknown))}")
    settings = "".join(f", {name} = :{name}" for name in columns)
    moved = change.execute(
        f"UPDATE worker SET state = :new{settings} "
        "WHERE id = :worker_id AND state IN (SELECT value FROM json_each(:old))",
        {**columns, "worker_id": worker_id, "new": new_state.value, "old": to_json(sorted(old))},
    ).rowcount
    if moved:
        change.event("worker", worker_id, view)
    return bool(moved)


def update(change: Change, worker_id: str, **columns: Any) -> None:
    """Set columns without a change of state and without an event: a heartbeat, an executable."""
    unknown = columns.keys() - _COLUMNS
    if unknown or "state" in columns:
        raise ValueError(f"update() does not set {', '.join(sorted(unknown)) or 'state'}")
    settings = ", ".join(f"{name} = :{name}" for name in columns)
    values = {**columns, "worker_id": worker_id}
    change.execute(f"UPDATE worker SET {settings} WHERE id = :worker_id", values)


def count(change: Change, worker_id: str, *, succeeded: bool) -> None:
    """One more attempt that this worker has carried out: tasks_done, or tasks_failed."""
    column = "tasks_done" if succeeded else "tasks_failed"
    change.execute(f"UPDATE worker SET {column} = {column} + 1 WHERE id = ?", (worker_id,))


def row(reader: Reader, worker_id: str) -> dict[str, Any] | None:
    """The row of a worker, by its columns; None if there never was one."""
    found = reader.execute("SELECT * FROM worker WHERE id = ?", (worker_id,)).fetchone()
    return None if found is None else dict(found)


def live(reader: Reader) -> list[dict[str, Any]]:
    """Workers that are STARTING, RUNNING or DRAINING, the longest-lived first."""
    found = reader.execute(
        "SELECT * FROM worker WHERE state IN (SELECT value FROM json_each(?)) ORDER BY started_at, id",
        (_LIVE,),
    ).fetchall()
    return [dict(one) for one in found]


def listed(reader: Reader) -> list[dict[str, Any]]:
    """Workers that the panel shows: the live ones, and those that ended and no cleanup took off yet."""
    found = reader.execute("SELECT * FROM worker WHERE listed ORDER BY started_at, id").fetchall()
    return [dict(one) for one in found]


def cleanup(change: Change, before: float) -> list[str]:
    """Take workers that ended before a moment (Unix s) off the list; their ids. Rows and logs stay."""
    found = change.execute(
        "UPDATE worker SET listed = 0 WHERE listed AND ended_at < ? "
        "AND state NOT IN (SELECT value FROM json_each(?)) RETURNING id",
        (before, _LIVE),
    ).fetchall()
    return sorted(one[0] for one in found)
