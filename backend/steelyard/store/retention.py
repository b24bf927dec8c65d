"""What of the history may go: ended tasks beyond an age or a number, and workers that ended long ago.

Never goes what may still be needed: a task that waits or runs, one that failed or was cancelled and left a
checkpoint to go on from, and one that another names in `after` which has not succeeded. It is asked again in
the very statement that deletes.
"""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.rules.states import ENDED_TASKS, LIVE_WORKERS
from steelyard.store import sweeps
from steelyard.store.database import Change
from steelyard.store.records import Reader, to_json

_ENDED = ", ".join(f"'{state.value}'" for state in sorted(ENDED_TASKS))
_LIVE = ", ".join(f"'{state.value}'" for state in sorted(LIVE_WORKERS))
_MAY_GO = f"""state IN ({_ENDED}) AND (state = 'SUCCEEDED' OR checkpoint_at IS NULL)
    AND (finished_at, serial) <= (?, ?)
    AND NOT EXISTS (SELECT 1 FROM task_after AS after JOIN task AS later ON later.id = after.task_id
                    WHERE after.predecessor_id = task.id AND later.state <> 'SUCCEEDED')"""
_BEYOND = f"""SELECT finished_at, serial FROM task WHERE state IN ({_ENDED})
    ORDER BY finished_at DESC, serial DESC LIMIT 1 OFFSET ?"""

Mark = tuple[float, int]
"""The youngest task that may go: Unix s of its end, and its serial, which parts those of one moment."""


def mark(reader: Reader, *, before: float | None, keep: int | None) -> Mark | None:
    """Up to where tasks may go: those that ended before a moment, and all but the latest `keep`.

    None stands for no such limit, and is answered where nothing may go. It walks the ended tasks: beside the
    loop.
    """
    marks: list[Mark] = [] if before is None else [(before, -1)]
    if keep is not None:
        row = reader.execute(_BEYOND, (keep,)).fetchone()
        if row is not None:
            marks.append((float(row[0]), int(row[1])))
    return max(marks, default=None)


def tasks_to_go(reader: Reader, up_to: Mark, limit: int) -> list[str]:
    """Ids of at most `limit` tasks that may go, the one that ended first before the others."""
    found = reader.execute(
        f"SELECT id FROM task WHERE {_MAY_GO} ORDER BY finished_at, serial LIMIT ?", (*up_to, limit)
    ).fetchall()
    return [str(row[0]) for row in found]


def remove_tasks(change: Change, up_to: Mark, task_ids: Sequence[str]) -> list[str]:
    """Delete those of these tasks that may (still) go, with attempts, samples, tags and words; their ids.

    A sweep goes with its last task. What was learned of them (`footprint`) and the events that tell of them
    stay.
    """
    found = change.execute(
        f"DELETE FROM task WHERE {_MAY_GO} AND id IN (SELECT value FROM json_each(?)) RETURNING id, sweep_id",
        (*up_to, to_json(list(task_ids))),
    ).fetchall()
    sweeps.remove_empty(change, sorted({row["sweep_id"] for row in found if row["sweep_id"] is not None}))
    return [str(row[0]) for row in found]


def workers_to_go(reader: Reader, before: float, limit: int) -> list[str]:
    """Ids of workers that ended before a moment (Unix s) and are off the list."""
    found = reader.execute(
        f"""SELECT id FROM worker WHERE NOT listed AND state NOT IN ({_LIVE}) AND ended_at < ?
            ORDER BY ended_at LIMIT ?""",
        (before, limit),
    ).fetchall()
    return [str(row[0]) for row in found]


def remove_workers(change: Change, worker_ids: Sequence[str]) -> list[str]:
    """Delete workers that have ended and are off the list; their ids."""
    found = change.execute(
        f"""DELETE FROM worker WHERE NOT listed AND state NOT IN ({_LIVE})
            AND id IN (SELECT value FROM json_each(?)) RETURNING id""",
        (to_json(list(worker_ids)),),
    ).fetchall()
    return [str(row[0]) for row in found]


def missing(reader: Reader, table: str, ids: Sequence[str]) -> list[str]:
    """Which of these ids no row of `task` or `worker` has."""
    assert table in ("task", "worker")
    found = reader.execute(
        f"SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM {table})", (to_json(list(ids)),)
    ).fetchall()
    return [str(row[0]) for row in found]
