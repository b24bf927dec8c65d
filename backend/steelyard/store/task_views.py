"""A task as the API shows it, made from rows. The supervisor lays live values over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.store.records import Reader, Row, from_json, inline, to_json

_OF_TASK = "SELECT * FROM attempt WHERE task_id = ? ORDER BY number"
_OF_TASKS = "SELECT * FROM attempt WHERE task_id IN (SELECT value FROM json_each(?)) ORDER BY task_id, number"


def view(reader: Reader, task_id: str) -> dict[str, Any] | None:
    """The task with its attempts, ascending; None if there is none."""
    row = reader.execute("SELECT * FROM task WHERE id = ?", (task_id,)).fetchone()
    return None if row is None else views(reader, [row])[0]


def views(reader: Reader, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The tasks of these rows of `task`, in their order, each with its attempts."""
    attempts: dict[str, list[dict[str, Any]]] = {}
    tried = [row["id"] for row in rows if row["attempt"]]
    if tried:
        for attempt in reader.execute(_OF_TASKS, (to_json(tried),)).fetchall():
            attempts.setdefault(attempt["task_id"], []).append(_attempt(attempt))
    return [
        _task(row, from_json(row["parameters"]), from_json(row["result"]), attempts.get(row["id"], []))
        for row in rows
    ]


def event_view(reader: Reader, row: Row) -> dict[str, Any]:
    """The task as an event stores it: the same, but parameters and result over 8 KiB stand as null.

    JSON columns are passed on as text, so that the event is encoded without parsing them.
    """
    attempts = reader.execute(_OF_TASK, (row["id"],)).fetchall() if row["attempt"] else []
    return _task(
        row, inline(row["parameters"]), inline(row["result"]), [_attempt(attempt) for attempt in attempts]
    )


def _task(row: Row, parameters: Any, result: Any, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "task_id": row["id"],
        "simulation": row["simulation"],
        "parameters": parameters,
        "label": row["label"],
        "state": row["state"],
        "cause": row["cause"],
        "priority": row["priority"],
        "queue": row["queue"],
        "tags": from_json(row["tags"]),
        "sweep_id": row["sweep_id"],
        "key": row["key"],
        "queued_at": iso(row["queued_at"]),
        "started_at": iso(row["started_at"]),
        "finished_at": iso(row["finished_at"]),
        "not_before": iso(row["not_before"]),
        "after": from_json(row["predecessors"]),
        "worker_id": row["worker_id"],
        "attempt": row["attempt"],
        "max_attempts": row["max_attempts"],
        "timeout": row["timeout"],
        "memory": {"claim": row["claim"], "source": row["claim_source"], "peak": row["peak"]},
        "cpu_seconds": row["cpu_seconds"],
        "progress": row["progress"],
        "message": row["message"],
        "eta": None,
        "suspended": False,
        "waiting_for": None,
        "checkpoint_at": iso(row["checkpoint_at"]),
        "unsaved": None,
        "result": result,
        "attempts": attempts,
    }


def _attempt(row: Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "worker_id": row["worker_id"],
        "pid": row["pid"],
        "started_at": iso(row["started_at"]),
        "finished_at": iso(row["finished_at"]),
        "cause": row["cause"],
        "exit_code": row["exit_code"],
        "signal": row["signal"],
        "evidence": row["evidence"],
        "error_tail": row["error_tail"],
        "peak_memory": row["peak_memory"],
        "cpu_seconds": row["cpu_seconds"],
        "seconds": row["duration"],
        "remarks": from_json(row["remarks"]) or [],
    }
