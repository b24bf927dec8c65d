"""One task goes ahead where nobody can tell what those like it take; the others wait until it shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steelyard.rules.retry import MEMORY
from steelyard.supervisor.answers import Kind
from steelyard.supervisor.learning import Learning
from steelyard.supervisor.worker_handle import RunningAttempt

Row = dict[str, Any]


def unknown(learning: Learning, row: Row) -> Kind | None:
    """The kind of a task that lies so far beyond the runs of it that they do not tell what it claims. A claim
    that was raised for want of memory is told by that.
    """
    if row["cause"] in MEMORY:
        return None
    last = learning.last(row)
    if last is None or last.footprint is None or row["claim_source"] != "default":
        return None
    return last.kind


def ahead(running: Iterable[RunningAttempt]) -> dict[Kind, str]:
    """The running tasks that will show what others of their kind take: their ids. Nobody knows how long one
    that a person has suspended stands still: another goes ahead.
    """
    return {
        attempt.scouts: attempt.task_id
        for attempt in running
        if attempt.scouts is not None and attempt.suspended_by != "user"
    }


def farthest_first(
    learning: Learning, rows: dict[str, Row], group: Callable[[Row], str | None]
) -> dict[str, Row]:
    """The rows, but of such tasks of a sweep the one farthest out first: it speaks for the others."""
    places: dict[tuple[str, Kind], list[str]] = {}
    for task_id, row in rows.items():
        kind, mates = unknown(learning, row), group(row)
        if kind is not None and mates is not None:
            places.setdefault((mates, kind), []).append(task_id)
    order = {}
    for members in places.values():
        first = max(members, key=lambda task_id: _most(learning, rows[task_id]))
        order[members[0]] = first
        order[first] = members[0]
    return {order.get(task_id, task_id): rows[order.get(task_id, task_id)] for task_id in rows}


def _most(learning: Learning, row: Row) -> int:
    last = learning.last(row)
    return 0 if last is None or last.footprint is None else last.footprint.claim
