"""The head of the queue: which tasks may start now, and when the next one is let go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from steelyard.store.database import Change
from steelyard.store.records import Reader, to_json
from steelyard.store.tables import RUNNABLE

_RUNNABLE = f"SELECT * FROM task WHERE queue = ? AND {RUNNABLE} ORDER BY priority DESC, position LIMIT ?"
_RUNNABLE_BUT = f"""SELECT * FROM task WHERE queue = ? AND {RUNNABLE}
    AND simulation NOT IN (SELECT value FROM json_each(?)) ORDER BY priority DESC, position LIMIT ?"""
_SMALLEST = f"""SELECT min(claim) FROM (
    SELECT claim FROM task WHERE queue = ? AND {RUNNABLE} ORDER BY priority DESC, position LIMIT ?)"""
_WAKE = "UPDATE task SET held_until = NULL WHERE held_until <= ?"
_OVERHELD = """UPDATE task SET held_until = CASE WHEN not_before > ?1 THEN not_before END
    WHERE held_until > ?1 + ?2 AND (not_before IS NULL OR held_until <> not_before)"""
_NEXT_DUE = "SELECT min(held_until) FROM task WHERE held_until IS NOT NULL"


def runnable(reader: Reader, queue: str, limit: int, without: Collection[str] = ()) -> list[dict[str, Any]]:
    """At most `limit` rows of `task` that nothing in the database keeps from starting, the next one first.

    They wait for no predecessor and no moment; a higher priority goes first, then the earlier position.
    without: names of simulations of which none may start now.
    """
    if without:
        found = reader.execute(_RUNNABLE_BUT, (queue, to_json(sorted(without)), limit))
        return [dict(row) for row in found.fetchall()]
    return [dict(row) for row in reader.execute(_RUNNABLE, (queue, limit)).fetchall()]


def smallest_claim(reader: Reader, queue: str, most: int) -> int | None:
    """Bytes: the smallest claim of the first `most` tasks that may start; None where none waits."""
    found = reader.execute(_SMALLEST, (queue, most)).fetchone()[0]
    return None if found is None else int(found)


def wake(change: Change, now: float) -> int:
    """Let go of tasks whose moment (not_before, or the back-off of a retry) has come; how many."""
    return change.execute(_WAKE, (now,)).rowcount


def let_go_overheld(change: Change, now: float, longest: float) -> int:
    """Let go of tasks whose back-off ends further away than any back-off does; how many.

    The wall clock was set back since: a retry would else wait for as long as it was set back. What the user
    wants not before a moment keeps that moment.
    """
    return change.execute(_OVERHELD, (now, longest)).rowcount


def next_due(reader: Reader) -> float | None:
    """Unix seconds at which wake() next has something to do."""
    due = reader.execute(_NEXT_DUE).fetchone()[0]
    return None if due is None else float(due)
