"""The head of the queue."""

from __future__ import annotations

from steelyard.store import queueing, tasks
from steelyard.store.database import Database
from tests.unit.store.making import NOW, new, run, submit


def order(database: Database, queue: str = "default", limit: int = 100) -> list[str]:
    return [row["label"] for row in tasks.runnable(database, queue, limit)]


def test_higher_priority_first_then_first_come(database: Database) -> None:
    submit(database, new(label="a"), new(label="b", priority=-3), new(label="c", priority=9), new(label="d"))
    assert order(database) == ["c", "a", "d", "b"]
    assert order(database, limit=2) == ["c", "a"]


def test_each_queue_has_its_own(database: Database) -> None:
    submit(database, new(label="a"), new(label="b", queue="night"))
    assert (order(database), order(database, "night"), order(database, "none")) == (["a"], ["b"], [])


def test_a_running_task_is_not_runnable(database: Database) -> None:
    first, _ = submit(database, new(label="a"), new(label="b"))
    run(database, first)
    assert order(database) == ["b"]


def test_wake_lets_go_of_those_that_are_due(database: Database) -> None:
    submit(database, new(label="a", not_before=NOW + 10), new(label="b", not_before=NOW + 20))
    assert tasks.next_due(database) == NOW + 10
    assert database.change_now(lambda change: tasks.wake(change, NOW + 9.9)) == 0
    assert database.change_now(lambda change: tasks.wake(change, NOW + 10)) == 1
    assert order(database) == ["a"]
    assert tasks.next_due(database) == NOW + 20
    assert database.change_now(lambda change: tasks.wake(change, NOW + 99)) == 1
    assert tasks.next_due(database) is None


def test_the_queries_of_every_turn_use_their_partial_index(database: Database) -> None:
    def plan(sql: str) -> str:
        return " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())

    head = queueing._RUNNABLE.replace("?", "1")
    assert "task_runnable" in plan(head) and "TEMP B-TREE" not in plan(head)
    for sql in (queueing._NEXT_DUE, queueing._WAKE.replace("?", "1")):
        assert "task_held" in plan(sql)
