"""`after`: who waits goes on when all have succeeded, and is rejected when one has not."""

from __future__ import annotations

import pytest

from steelyard.rules.errors import Conflict
from steelyard.rules.states import Cause, TaskState
from steelyard.store import events, successors, tasks
from steelyard.store.database import Change, Database
from tests.unit.store.making import NOW, end, new, run, state, submit, view


def test_a_task_is_let_go_when_the_last_of_its_predecessors_has_succeeded(database: Database) -> None:
    first, second = submit(database, new(), new())
    (task_id,) = submit(database, new(after=[first, second]))
    end(database, first, run(database, first))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [second]
    end(database, second, run(database, second))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [task_id]
    assert tasks.unfinished_predecessors(database, [task_id]) == {}


def test_a_predecessor_that_will_be_retried_keeps_its_successors_waiting(database: Database) -> None:
    (first,) = submit(database, new())
    (task_id,) = submit(database, new(after=[first]))
    end(database, first, run(database, first), TaskState.READY)
    assert state(database, task_id) == "READY"
    end(database, first, run(database, first))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [task_id]


@pytest.mark.parametrize("ended", [TaskState.FAILED, TaskState.CANCELLED])
def test_a_failure_rejects_the_whole_chain_with_an_event_each(database: Database, ended: TaskState) -> None:
    (first,) = submit(database, new())
    (second,) = submit(database, new(after=[first]))
    third, other = submit(database, new(after=[second]), new(after=[first, second]))
    (fourth,) = submit(database, new(after=[third, other]))
    unrelated, number = submit(database, new())[0], run(database, first)
    seq = events.last_seq(database)
    end(database, first, number, ended)
    told = events.since(database, seq, 100)
    assert sorted(event.subject for event in told) == sorted([first, second, third, other, fourth])
    for task_id in (second, third, other, fourth):
        found = view(database, task_id)
        assert (found["state"], found["cause"]) == ("CANCELLED", "rejected")
        assert found["finished_at"] == "2026-01-15T10:31:00.000Z"
    assert view(database, second)["message"] == f"task {first}, for which it waited, ended {ended}"
    assert state(database, unrelated) == "READY"


def test_a_cancelled_waiting_task_rejects_its_successors(database: Database) -> None:
    (first,) = submit(database, new())
    (second,) = submit(database, new(after=[first]))
    assert database.change_now(
        lambda change: tasks.end_waiting(change, first, TaskState.CANCELLED, Cause.CANCELLED, NOW)
    )
    assert view(database, first)["cause"] == "cancelled"
    assert view(database, second)["cause"] == "rejected"


def test_the_users_retry_leaves_rejected_successors_cancelled(database: Database) -> None:
    (first,) = submit(database, new())
    (second,) = submit(database, new(after=[first]))
    end(database, first, run(database, first), TaskState.FAILED)
    with pytest.raises(Conflict, match="retry that one first"):
        database.change_now(lambda change: tasks.retry_by_user(change, second, NOW))
    database.change_now(lambda change: tasks.retry_by_user(change, first, NOW))
    assert state(database, second) == "CANCELLED"
    database.change_now(lambda change: tasks.retry_by_user(change, second, NOW))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [first]
    end(database, first, run(database, first))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [second]
    found = view(database, second)
    assert (found["cause"], found["message"]) == (None, "")


def test_a_retry_with_dependents_takes_along_what_was_rejected_for_it(database: Database) -> None:
    first, other = submit(database, new(), new())
    (second,) = submit(database, new(after=[first]))
    third, both, mine = submit(database, *(new(after=ids) for ids in ([second], [second, other], [first])))
    database.change_now(
        lambda change: tasks.end_waiting(change, mine, TaskState.CANCELLED, Cause.CANCELLED, NOW)
    )
    for task_id in (first, other):
        end(database, task_id, run(database, task_id), TaskState.FAILED)
    retried = database.change_now(lambda change: tasks.retry_with_dependents(change, first, NOW))
    assert retried == [first, second, third]
    # What also waits for another failure, and what the user cancelled, stay as they were.
    assert [state(database, one) for one in (both, mine)] == ["CANCELLED", "CANCELLED"]
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [first]
    for task_id in retried:
        end(database, task_id, run(database, task_id))
    assert {state(database, one) for one in retried} == {"SUCCEEDED"}


def test_a_success_while_a_successor_is_cancelled_counts_at_its_retry(database: Database) -> None:
    (first,) = submit(database, new())
    (second,) = submit(database, new(after=[first]))
    database.change_now(
        lambda change: tasks.end_waiting(change, second, TaskState.CANCELLED, Cause.CANCELLED, NOW)
    )
    end(database, first, run(database, first))
    database.change_now(lambda change: tasks.retry_by_user(change, second, NOW))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [second]


def test_a_chain_of_a_thousand_is_rejected_at_once(database: Database) -> None:
    def chain(change: Change) -> str:
        ids = [task_id for task_id, _ in tasks.insert(change, [new()])]
        for _ in range(1000):
            ids += [task_id for task_id, _ in tasks.insert(change, [new(after=[ids[-1]])])]
        return ids[0]

    first = database.change_now(chain)
    end(database, first, run(database, first), TaskState.FAILED)
    assert tasks.counts(database) == {
        "READY": 0,
        "RUNNING": 0,
        "SUCCEEDED": 0,
        "FAILED": 1,
        "CANCELLED": 1000,
    }


def test_looking_up_successors_does_not_walk_the_queue(database: Database) -> None:
    for sql in (successors._UNBLOCK, successors._WAITING):
        plan = " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", ("[]",)).fetchall())
        assert "SCAN task" not in plan and "task_state" not in plan, plan
