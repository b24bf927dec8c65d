"""Sweeps: what was queued together, under which name and key, and how its tasks stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from steelyard.rules.errors import Conflict, InvalidRequest
from steelyard.rules.states import TaskState
from steelyard.rules.timestamps import iso
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, to_json
from steelyard.store.task_insert import NewTask

_COUNTS = """SELECT sweep_id, state, count(*) FROM task
    WHERE sweep_id IN (SELECT value FROM json_each(?)) GROUP BY sweep_id, state"""
_REMOVE_EMPTY = """DELETE FROM sweep WHERE id IN (SELECT value FROM json_each(?))
    AND NOT EXISTS (SELECT 1 FROM task WHERE task.sweep_id = sweep.id)"""

_sorted_json = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class NewSweep:
    """A sweep as it is submitted. digest: of what its tasks compute, see digest_of(); None without a key."""

    id: str
    simulation: str
    name: str
    key: str | None
    digest: str | None


def digest_of(tasks: Iterable[NewTask]) -> str:
    """Tells sweeps apart that would compute something else: the simulation and parameters of each task."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(_sorted_json.encode([task.simulation, task.parameters]) + b"\n")
    return digest.hexdigest()


def insert(change: Change, new: NewSweep, now: float | None = None) -> str:
    """Keep a sweep, and answer with its id; that of the one which has its key already. Conflict.

    Conflict: the sweep with this key computes something else, so that one of the two is a mistake.
    """
    if new.key is not None:
        known = change.execute("SELECT id, digest FROM sweep WHERE key = ?", (new.key,)).fetchone()
        if known is not None:
            if known["digest"] != new.digest:
                raise Conflict(
                    f"The key {new.key!r} belongs to sweep {known['id']}, which has another simulation or"
                    " other parameters. Take another key for a new sweep.",
                    key=new.key,
                    sweep_id=known["id"],
                )
            return str(known["id"])
    try:
        change.execute(
            "INSERT INTO sweep(id, simulation, name, key, digest, queued_at) VALUES (?, ?, ?, ?, ?, ?)",
            (new.id, new.simulation, new.name, new.key, new.digest, change.now if now is None else now),
        )
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"The sweep holds a value that cannot be stored: {error}.") from error
    return new.id


def task_ids(reader: Reader, sweep_id: str, states: Iterable[TaskState] = TaskState) -> list[str]:
    """Ids of a sweep's tasks that are in one of states, in the order of its grid or rows."""
    found = reader.execute(
        """SELECT id FROM task WHERE sweep_id = ? AND state IN (SELECT value FROM json_each(?))
           ORDER BY serial""",
        (sweep_id, to_json([state.value for state in states])),
    ).fetchall()
    return [str(row[0]) for row in found]


def view(reader: Reader, sweep_id: str) -> dict[str, Any] | None:
    """The sweep as the API shows it; None if there is none."""
    row = reader.execute("SELECT * FROM sweep WHERE id = ?", (sweep_id,)).fetchone()
    return None if row is None else _views(reader, [row])[0]


def page(reader: Reader, limit: int, before: int | None) -> tuple[list[dict[str, Any]], int | None]:
    """The newest sweeps, at most limit of those older than serial `before`; and `before` of the next page."""
    rows = reader.execute(
        "SELECT * FROM sweep WHERE ?1 IS NULL OR serial < ?1 ORDER BY serial DESC LIMIT ?2",
        (before, limit + 1),
    ).fetchall()
    more = len(rows) > limit
    return _views(reader, rows[:limit]), rows[limit - 1]["serial"] if more else None


def of_tasks(reader: Reader, task_ids: Sequence[str]) -> dict[str, str]:
    """The sweep of each of these tasks that belongs to one."""
    found = reader.execute(
        """SELECT id, sweep_id FROM task WHERE id IN (SELECT value FROM json_each(?))
           AND sweep_id IS NOT NULL""",
        (to_json(list(task_ids)),),
    ).fetchall()
    return {str(row[0]): str(row[1]) for row in found}


def remove_empty(change: Change, sweep_ids: Sequence[str]) -> None:
    """Forget those of these sweeps whose last task has gone."""
    change.execute(_REMOVE_EMPTY, (to_json(list(sweep_ids)),))


def _views(reader: Reader, rows: Sequence[Row]) -> list[dict[str, Any]]:
    counts: dict[str, dict[str, int]] = {row["id"]: dict.fromkeys(map(str, TaskState), 0) for row in rows}
    for sweep_id, state, number in reader.execute(_COUNTS, (to_json(list(counts)),)).fetchall():
        counts[sweep_id][state] = number
    return [
        {
            "sweep_id": row["id"],
            "simulation": row["simulation"],
            "name": row["name"],
            "key": row["key"],
            "queued_at": iso(row["queued_at"]),
            "total": sum(counts[row["id"]].values()),
            "counts": counts[row["id"]],
        }
        for row in rows
    ]
