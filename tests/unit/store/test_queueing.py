"""The head of the queue."""

from __future__ import annotations

import re

from steelyard.rules.quantities import GIB
from steelyard.rules.scheduling import Gap
from steelyard.store import queueing, tasks
from steelyard.store.database import Database
from tests.fakes.clocks import FakeClocks
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

    head = queueing._HEAD
    whole_line = [head, head + queueing._FITS, head + queueing._FITS_OR_GUESSED, head + queueing._GUESSED]
    for sql in [*(one + queueing._LINE for one in whole_line), head + queueing._OF_PRIORITY]:
        asked = plan(re.sub(r":[a-z]+", "1", sql))
        assert "task_runnable" in asked and "TEMP B-TREE" not in asked
    assert "SCAN task" not in plan(re.sub(r":[a-z]+", "1", queueing._PRIORITIES))
    for sql in (queueing._NEXT_DUE, queueing._WAKE.replace("?", "1")):
        assert "task_held" in plan(sql)


def fits(database: Database, gib: float, cores: int | None = 8, *, guesses: bool = False) -> str | None:
    gap = Gap(int(gib * GIB), cores, guesses)
    known = [row["id"] for row in tasks.runnable(database, "default", 1)]
    found = queueing.fitting(database, "default", gap, known)
    return None if found is None else str(found["label"])


def test_the_first_that_fits_is_found_behind_those_that_are_known(database: Database) -> None:
    submit(
        database,
        new(label="known", claim=1, priority=9),
        new(label="large", claim=9 * GIB, claim_source="task"),
        new(label="wide", claim=GIB, claim_source="task", cores=16),
        new(label="small", claim=GIB, claim_source="task"),
        new(label="smaller", claim=GIB // 2, claim_source="task"),
        new(label="urgent", claim=3 * GIB, claim_source="learned", priority=1),
    )
    assert [fits(database, gib) for gib in (0.1, 0.5, 1, 3, 20)] == [
        None,
        "smaller",
        "small",
        "urgent",
        "urgent",
    ]
    assert fits(database, 1, None) == "wide"
    # A guess may be tried though it is larger, where nothing else runs; what somebody stated may not.
    assert fits(database, 0.1, guesses=True) == "urgent"
    gap = Gap(GIB, 8, False)
    assert queueing.fitting(database, "default", gap, [], {"command"}) is None
    assert queueing.fitting(database, "night", gap, []) is None


def test_guesses_that_are_too_large_are_walked_through_in_the_order_of_the_line(database: Database) -> None:
    submit(
        database,
        new(label="a", claim=8 * GIB),
        new(label="b", claim=8 * GIB, claim_source="task"),
        new(label="c", claim=GIB),
        new(label="d", claim=8 * GIB, priority=2, claim_source="learned"),
        new(label="e", claim=8 * GIB, priority=-1),
    )
    walked: list[str] = []
    after = None
    while rows := queueing.guessed(database, "default", 2 * GIB, after, 2):
        walked += [row["label"] for row in rows]
        after = (rows[-1]["priority"], rows[-1]["position"])
    assert walked == ["d", "a", "e"]


def test_where_priorities_grow_who_has_waited_long_enough_goes_first(database: Database) -> None:
    def line(aging: float) -> list[str]:
        return [row["label"] for row in tasks.runnable(database, "default", 3, aging=aging)]

    clocks = database._clocks
    assert isinstance(clocks, FakeClocks)
    submit(database, new(label="old"), new(label="old, too"))
    clocks.advance(3600)
    submit(database, new(label="urgent", priority=2), new(label="new"))
    assert line(0) == ["urgent", "old", "old, too"]
    assert line(1801) == ["urgent", "old", "old, too"]  # not quite two priorities in the hour
    assert line(1799) == ["old", "old, too", "urgent"]
    gap = Gap(9 * GIB, None, False)
    for aging, first in ((0, "urgent"), (1799, "old")):
        found = queueing.fitting(database, "default", gap, [], aging=aging)
        assert found is not None and found["label"] == first
