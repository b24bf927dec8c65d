"""What a person does to a task: cancel, edit, retry."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.rules.errors import Conflict, InvalidRequest, NotFound
from steelyard.rules.states import Cause, IllegalTransition, TaskState
from steelyard.store import claims, events, task_pages, tasks
from steelyard.store.database import Database
from tests.unit.store.making import NOW, end, new, run, state, submit, view


def edit(database: Database, task_id: str, **changes: Any) -> None:
    database.change_now(lambda change: tasks.edit(change, task_id, **changes))


def retry(database: Database, task_id: str, now: float = NOW) -> None:
    database.change_now(lambda change: tasks.retry_by_user(change, task_id, now))


def test_move_is_guarded_by_the_old_state(database: Database) -> None:
    (task_id,) = submit(database, new(not_before=NOW + 60))

    def cancel() -> bool:
        return database.change_now(
            lambda change: tasks.move(
                change, task_id, TaskState.READY, TaskState.CANCELLED, cause="cancelled"
            )
        )

    assert cancel()
    seq = events.last_seq(database)
    assert not cancel()
    assert events.last_seq(database) == seq
    found = view(database, task_id)
    assert (found["state"], found["cause"]) == ("CANCELLED", "cancelled")
    assert found["finished_at"] == "2026-01-15T10:30:00.000Z"
    assert tasks.next_due(database) is None


def test_move_refuses_what_the_fence_guards_and_what_no_table_allows(database: Database) -> None:
    (task_id,) = submit(database, new())
    run(database, task_id)
    with pytest.raises(ValueError, match="claim"):
        database.change_now(lambda change: tasks.move(change, task_id, [TaskState.RUNNING], TaskState.FAILED))
    with pytest.raises(IllegalTransition):
        database.change_now(lambda change: tasks.move(change, task_id, TaskState.SUCCEEDED, TaskState.READY))
    with pytest.raises(ValueError, match="worker_id"):
        database.change_now(
            lambda change: tasks.move(change, task_id, TaskState.READY, TaskState.CANCELLED, worker_id="w9")
        )
    assert state(database, task_id) == "RUNNING"


def test_end_waiting_leaves_a_running_task_alone(database: Database) -> None:
    (task_id,) = submit(database, new())
    run(database, task_id)
    assert not database.change_now(
        lambda change: tasks.end_waiting(change, task_id, TaskState.CANCELLED, Cause.CANCELLED, NOW)
    )
    assert state(database, task_id) == "RUNNING"


def test_edit_changes_what_is_given_and_is_told(database: Database) -> None:
    (task_id,) = submit(database, new(label="old", tags=["a"], priority=1))
    edit(database, task_id, label="new", tags=["b", "b"], priority=7, claim=2**32)
    found = view(database, task_id)
    assert (found["label"], found["tags"], found["priority"]) == ("new", ["b"], 7)
    assert found["memory"] == {"claim": 2**32, "source": "task", "peak": None}
    assert events.since(database, 1, 9)[0].data == found
    edit(database, task_id, label="")
    assert view(database, task_id)["tags"] == ["b"] and view(database, task_id)["label"] == ""


def test_edit_moves_a_task_in_the_queue_and_in_the_search(database: Database) -> None:
    _, task_id = submit(database, new(), new(label="old", tags=["a"]))
    edit(database, task_id, priority=1, label="new", tags=["b"])
    assert tasks.runnable(database, "default", 1)[0]["id"] == task_id
    for filters, total in (({"q": "old"}, 0), ({"q": "NEW"}, 1), ({"tag": "a"}, 0), ({"tag": "b"}, 1)):
        assert task_pages.page(database, filters, 10, None)["total"] == total, filters


def test_edit_refuses(database: Database) -> None:
    (task_id,) = submit(database, new())
    with pytest.raises(NotFound):
        edit(database, "nothere", label="x")
    with pytest.raises(InvalidRequest):
        edit(database, task_id, label="\ud800")
    end(database, task_id, run(database, task_id))
    edit(database, task_id, label="still allowed", tags=["x"])
    for changes in ({"priority": 3}, {"claim": 5}):
        with pytest.raises(Conflict):
            edit(database, task_id, **changes)


def test_retry_by_user_gives_a_fresh_place_and_budget(database: Database) -> None:
    first, second = submit(database, new(label="first"), new(label="second"))
    end(database, first, run(database, first), TaskState.FAILED, exit_code=1, result=None)
    assert len(claims.history(database, first)) == 1
    retry(database, first, NOW + 100)
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [second, first]
    found = view(database, first)
    assert (found["state"], found["cause"], found["attempt"]) == ("READY", "error", 1)
    assert found["queued_at"] == "2026-01-15T10:31:40.000Z"
    assert found["finished_at"] is None and len(found["attempts"]) == 1
    assert claims.history(database, first) == []
    assert run(database, first) == 2
    # The list goes on by the order of submission: a retry does not make pages jump.
    assert [one["label"] for one in task_pages.page(database, {}, 9, None)["tasks"]] == ["second", "first"]


def test_retry_waits_for_a_moment_that_is_still_to_come(database: Database) -> None:
    (task_id,) = submit(database, new(not_before=NOW + 60))
    for now, held in ((NOW, NOW + 60), (NOW + 90, None)):
        database.change_now(
            lambda change: tasks.end_waiting(change, task_id, TaskState.CANCELLED, Cause.CANCELLED, NOW)
        )
        retry(database, task_id, now)
        assert tasks.held_until(database, [task_id]).get(task_id) == held


def test_retry_refuses(database: Database) -> None:
    (task_id,) = submit(database, new())
    with pytest.raises(NotFound):
        retry(database, "nothere")
    with pytest.raises(Conflict):
        retry(database, task_id)
    number = run(database, task_id)
    with pytest.raises(Conflict):
        retry(database, task_id)
    end(database, task_id, number)
    with pytest.raises(Conflict, match="SUCCEEDED"):
        retry(database, task_id)


def test_announce_tells_that_a_task_stands_still(database: Database) -> None:
    (task_id,) = submit(database, new())
    run(database, task_id)
    database.change_now(lambda change: tasks.announce(change, task_id, suspended=True))
    event = events.since(database, 2, 1)[0]
    assert event.data == {**view(database, task_id), "suspended": True}


def test_what_is_not_there(database: Database) -> None:
    assert tasks.view(database, "nothere") is None
    assert tasks.row(database, "nothere") is None
    assert tasks.held_until(database, ["nothere"]) == {}
    assert tasks.unfinished_predecessors(database, ["nothere"]) == {}
