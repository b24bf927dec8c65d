"""The task as the API shows it; the contract's own example is the measure."""

from __future__ import annotations

import re

import msgspec
import pytest

from steelyard.store import tasks
from steelyard.store.database import Database
from steelyard.store.records import INLINE_LIMIT, inline
from tests.unit.store.making import end, new, run, submit, view

# What clients read, names in their order, and `unsaved`.
# fmt: off
TASK = [
    "task_id", "simulation", "parameters", "label", "state", "cause", "priority", "queue", "tags",
    "sweep_id", "key", "queued_at", "started_at", "finished_at", "not_before", "after", "worker_id",
    "attempt", "max_attempts", "timeout", "memory", "cpu_seconds", "progress", "message", "eta",
    "suspended", "waiting_for", "checkpoint_at", "unsaved", "result", "attempts",
]
ATTEMPT = [
    "number", "worker_id", "pid", "started_at", "finished_at", "cause", "exit_code", "signal",
    "evidence", "error_tail", "peak_memory", "cpu_seconds", "seconds", "remarks",
]
# fmt: on


def test_a_task_has_the_fields_of_the_contract_in_their_order(database: Database) -> None:
    (task_id,) = submit(database, new())
    end(database, task_id, run(database, task_id))
    found = view(database, task_id)
    assert list(found) == TASK
    assert list(found["memory"]) == ["claim", "source", "peak"]
    assert list(found["attempts"][0]) == ATTEMPT


def test_several_views_come_in_the_order_of_their_rows_each_with_its_own_attempts(database: Database) -> None:
    ids = submit(database, new(), new(), new())
    for task_id in ids[:2]:
        run(database, task_id, f"worker of {task_id}")
    rows = database.execute("SELECT * FROM task ORDER BY serial DESC").fetchall()
    found = tasks.views(database, rows)
    assert found == [view(database, task_id) for task_id in reversed(ids)]
    assert [[a["worker_id"] for a in one["attempts"]] for one in found] == [
        [],
        [f"worker of {ids[1]}"],
        [f"worker of {ids[0]}"],
    ]


@pytest.mark.parametrize(("length", "kept"), [(INLINE_LIMIT - 2, True), (INLINE_LIMIT - 1, False)])
def test_a_column_goes_into_an_event_up_to_its_limit(length: int, kept: bool) -> None:
    text = '"' + "x" * length + '"'
    found = inline(text)
    assert (found is not None and bytes(found) == text.encode()) is kept


def test_moments_are_utc_with_milliseconds(database: Database) -> None:
    (task_id,) = submit(database, new(not_before=1768473000.1239))
    assert view(database, task_id)["not_before"] == "2026-01-15T10:30:00.123Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", view(database, task_id)["queued_at"])


def test_a_view_is_json(database: Database) -> None:
    (task_id,) = submit(database, new())
    assert msgspec.json.decode(msgspec.json.encode(view(database, task_id))) == view(database, task_id)
