"""The event log: order, replay, pruning; numbers are never given twice."""

from __future__ import annotations

from steelyard.store import events
from steelyard.store.database import Database
from tests.fakes.clocks import FakeClocks
from tests.unit.store.making import NOW

DAY = 86_400.0


def write(database: Database, count: int) -> None:
    for number in range(count):
        database.change_now(lambda change, n=number: change.event("prompt", f"p{n}", {"n": n}))


def prune(database: Database, now: float = NOW, **limits: float) -> int:
    return database.change_now(lambda change: events.prune(change, now, **limits))  # type: ignore[arg-type]


def test_since_gives_what_came_after_in_order(database: Database) -> None:
    write(database, 5)
    found = events.since(database, 2, 2)
    assert [(event.seq, event.subject, event.data) for event in found] == [
        (3, "p2", {"n": 2}),
        (4, "p3", {"n": 3}),
    ]
    assert events.since(database, 5, 10) == []
    assert (events.first_seq(database), events.last_seq(database)) == (1, 5)


def test_an_event_as_the_api_shows_it(database: Database) -> None:
    write(database, 1)
    (event,) = events.since(database, 0, 1)
    assert event.view() == {
        "seq": 1,
        "at": "2026-01-15T10:30:00.000Z",
        "kind": "prompt",
        "subject": "p0",
        "data": {"n": 0},
    }


def test_an_empty_log_begins_at_one(database: Database) -> None:
    assert (events.first_seq(database), events.last_seq(database)) == (1, 0)


def test_prune_keeps_so_many_rows(database: Database) -> None:
    write(database, 10)
    assert prune(database, keep=4) == 6
    assert (events.first_seq(database), events.last_seq(database)) == (7, 10)
    assert prune(database, keep=4) == 0


def test_prune_drops_what_is_old_and_never_gives_a_number_twice(
    database: Database, clocks: FakeClocks
) -> None:
    write(database, 3)
    clocks.advance(31 * DAY)
    assert prune(database, clocks.wall()) == 3
    assert (events.first_seq(database), events.last_seq(database)) == (4, 3)
    write(database, 1)
    assert [event.seq for event in events.since(database, 0, 10)] == [4]


def test_prune_takes_no_more_than_it_may_at_a_time(database: Database) -> None:
    write(database, 10)
    assert [prune(database, keep=2, at_most=3) for _ in range(4)] == [3, 3, 2, 0]


def test_a_clock_set_back_makes_no_hole_in_the_log(database: Database, clocks: FakeClocks) -> None:
    write(database, 2)
    clocks.step_wall(-40 * DAY)
    write(database, 2)
    assert prune(database, NOW) == 0
    assert [event.seq for event in events.since(database, 0, 10)] == [1, 2, 3, 4]
