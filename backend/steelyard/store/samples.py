"""What attempts used: points of memory and CPU over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steelyard.rules.samples import Point, thin
from steelyard.rules.timestamps import iso
from steelyard.store.database import Change
from steelyard.store.records import Reader


def save(change: Change, task_id: str, number: int, points: Sequence[Point]) -> None:
    """Add points to an attempt; what is stored of it is thinned as a whole."""
    if not points:
        return
    stored = change.execute(
        "SELECT at, memory, cpu FROM sample WHERE task_id = ? AND number = ? ORDER BY at", (task_id, number)
    ).fetchall()
    together = sorted({*(tuple(row) for row in stored), *points})
    kept = thin(together)
    if len(kept) < len(together):
        change.execute("DELETE FROM sample WHERE task_id = ? AND number = ?", (task_id, number))
    change.executemany(
        "INSERT OR REPLACE INTO sample(task_id, number, at, memory, cpu) VALUES (?, ?, ?, ?, ?)",
        [(task_id, number, at, int(memory), float(cpu)) for at, memory, cpu in kept],
    )


def read(reader: Reader, task_id: str) -> list[dict[str, Any]]:
    """The points of all attempts of a task: {"attempt", "at", "memory", "cpu"}, oldest first."""
    rows = reader.execute(
        "SELECT number, at, memory, cpu FROM sample WHERE task_id = ? ORDER BY number, at", (task_id,)
    ).fetchall()
    return [
        {"attempt": row["number"], "at": iso(row["at"]), "memory": row["memory"], "cpu": row["cpu"]}
        for row in rows
    ]
