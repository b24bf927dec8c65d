"""Rows of workers."""

from __future__ import annotations

import pytest

from steelyard.rules.states import IllegalTransition, WorkerState
from steelyard.store import events, workers
from steelyard.store.database import Database
from tests.unit.store.making import NOW


def add(database: Database, worker_id: str, started_at: float = NOW) -> None:
    database.change_now(
        lambda change: workers.insert(
            change,
            worker_id=worker_id,
            queue="default",
            started_at=started_at,
            forced=False,
            view={"worker_id": worker_id},
        )
    )


def move(database: Database, worker_id: str, old: WorkerState, new: WorkerState, **columns: object) -> bool:
    return database.change_now(
        lambda change: workers.move(change, worker_id, old, new, {"state": new}, **columns)
    )


def test_a_worker_starts_listed_and_live(database: Database) -> None:
    add(database, "w2", NOW + 1)
    add(database, "w1")
    assert [row["id"] for row in workers.live(database)] == ["w1", "w2"]
    row = workers.row(database, "w1")
    assert row is not None
    assert (row["state"], row["listed"], row["tasks_done"], row["error_tail"]) == ("STARTING", 1, 0, "")
    assert workers.row(database, "nothere") is None
    assert [(e.kind, e.subject, e.data) for e in events.since(database, 1, 9)] == [
        ("worker", "w1", {"worker_id": "w1"})
    ]


def test_move_is_guarded_and_told_once(database: Database) -> None:
    add(database, "w1")
    assert move(database, "w1", WorkerState.STARTING, WorkerState.RUNNING, pid=42, identity="boot/1")
    assert not move(database, "w1", WorkerState.STARTING, WorkerState.RUNNING)
    assert not move(database, "nothere", WorkerState.STARTING, WorkerState.RUNNING)
    row = workers.row(database, "w1")
    assert row is not None and (row["state"], row["pid"]) == ("RUNNING", 42)
    assert [event.data for event in events.since(database, 1, 9)] == [{"state": "RUNNING"}]


def test_move_refuses_what_no_table_allows_and_columns_that_are_none(database: Database) -> None:
    add(database, "w1")
    with pytest.raises(IllegalTransition):
        move(database, "w1", WorkerState.DEAD, WorkerState.RUNNING)
    with pytest.raises(ValueError, match="colour"):
        move(database, "w1", WorkerState.STARTING, WorkerState.RUNNING, colour="red")


def test_cleanup_takes_ended_workers_off_the_list_once(database: Database) -> None:
    for worker_id, ended_at in (("w1", NOW), ("w2", NOW + 100), ("w3", None)):
        add(database, worker_id)
        if ended_at is not None:
            move(database, worker_id, WorkerState.STARTING, WorkerState.FAILED, ended_at=ended_at)

    def cleanup() -> list[str]:
        return database.change_now(lambda change: workers.cleanup(change, NOW + 50))

    assert cleanup() == ["w1"]
    assert cleanup() == []
    assert [row["id"] for row in workers.listed(database)] == ["w2", "w3"]
    assert workers.row(database, "w1") is not None


def test_counts_and_quiet_updates_write_no_event(database: Database) -> None:
    add(database, "w1")
    database.change_now(lambda change: workers.count(change, "w1", succeeded=True))
    database.change_now(lambda change: workers.count(change, "w1", succeeded=False))
    database.change_now(lambda change: workers.update(change, "w1", heartbeat_at=NOW, executable="/bin/x"))
    row = workers.row(database, "w1")
    assert row is not None
    assert (row["tasks_done"], row["tasks_failed"], row["heartbeat_at"]) == (1, 1, NOW)
    assert events.last_seq(database) == 1
    with pytest.raises(ValueError, match="state"):
        database.change_now(lambda change: workers.update(change, "w1", state="DEAD"))
