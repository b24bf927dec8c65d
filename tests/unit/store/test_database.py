"""Group commit: what is atomic, what is answered when, and what a kill leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steelyard.rules.errors import Conflict, ShuttingDown
from steelyard.store import events
from steelyard.store.database import Change, Database
from steelyard.store.events import Event
from tests.fakes.clocks import FakeClocks
from tests.helpers.waiting import eventually
from tests.unit.store.making import NOW, new, opened, submit

Apply = Callable[[Change], Any]


def note(subject: str) -> Apply:
    """A change that writes one event."""
    return lambda change: change.event("prompt", subject, {"said": subject})


def subjects(database: Database) -> list[str]:
    return [event.subject for event in events.since(database, 0, 1000)]


def heard(database: Database) -> list[list[Event]]:
    """Lists that on_commit was called with, from now on."""
    calls: list[list[Event]] = []
    database.on_commit.append(calls.append)
    return calls


async def test_changes_of_one_turn_share_one_transaction(database: Database) -> None:
    calls = heard(database)
    seqs = await asyncio.gather(*(database.change(note(str(n))) for n in range(5)))
    assert seqs == [1, 2, 3, 4, 5]
    assert [len(call) for call in calls] == [5]


async def test_nothing_happens_and_nobody_is_answered_before_the_turn_ends(database: Database) -> None:
    future = database.change(note("a"))
    assert subjects(database) == [] and not future.done()
    await future
    assert subjects(database) == ["a"]


async def test_listeners_hear_of_a_commit_before_its_future_resolves(database: Database) -> None:
    seen: list[bool] = []
    future = database.change(note("a"))
    database.on_commit.append(lambda _: seen.append(future.done()))
    await future
    assert seen == [False]


async def test_an_exception_undoes_its_own_change_and_nobody_elses(database: Database) -> None:
    def fails(change: Change) -> None:
        change.event("prompt", "lost", {})
        submit_inside(change)
        raise Conflict("no")

    def submit_inside(change: Change) -> None:
        change.execute("INSERT INTO task_count(state, simulation, n) VALUES ('READY', 'x', 1)")

    before, failed, after = (database.change(note("a")), database.change(fails), database.change(note("b")))
    assert (await before, await after) == (1, 2)
    with pytest.raises(Conflict):
        await failed
    assert subjects(database) == ["a", "b"]
    assert database.execute("SELECT count(*) FROM task_count").fetchone()[0] == 0


async def test_seq_has_no_gap_and_no_repetition_after_failures_and_a_new_start(path: Path) -> None:
    def fails(change: Change) -> None:
        change.event("prompt", "lost", {})
        raise Conflict("no")

    for start in range(3):
        database = opened(path)
        for turn in range(3):
            outcomes = await asyncio.gather(
                database.change(note(f"{start}.{turn}.a")),
                database.change(fails),
                database.change(note(f"{start}.{turn}.b")),
                return_exceptions=True,
            )
            assert isinstance(outcomes[1], Conflict)
        database.close()
    database = opened(path)
    assert [event.seq for event in events.since(database, 0, 100)] == list(range(1, 19))
    database.close()


async def test_an_event_that_is_rolled_back_is_not_heard_of(database: Database) -> None:
    calls = heard(database)

    def fails(change: Change) -> None:
        change.event("prompt", "lost", {})
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.change(fails)
    assert calls == []


async def test_a_change_asked_for_during_a_flush_belongs_to_the_next(database: Database) -> None:
    calls = heard(database)
    later: list[asyncio.Future[int]] = []

    def asks(change: Change) -> int:
        later.append(database.change(note("second")))
        return change.event("prompt", "first", {})

    await database.change(asks)
    await later[0]
    assert [[event.subject for event in call] for call in calls] == [["first"], ["second"]]


async def test_a_listener_may_ask_for_a_change_and_a_broken_one_harms_nobody(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[asyncio.Future[int]] = []

    def asks(committed: list[Event]) -> None:
        if committed[0].subject == "a":
            asked.append(database.change(note("b")))

    def broken(committed: list[Event]) -> None:
        raise ZeroDivisionError

    database.on_commit += [broken, asks]
    assert await database.change(note("a")) == 1
    assert await asked[0] == 2
    assert "a listener of committed events failed" in caplog.text


async def test_a_future_cancelled_before_its_turn_changes_nothing(database: Database) -> None:
    cancelled, kept = database.change(note("a")), database.change(note("b"))
    cancelled.cancel()
    await kept
    assert subjects(database) == ["b"]


async def test_a_change_may_not_await(database: Database) -> None:
    async def waits(change: Change) -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="may not await"):
        await database.change(waits)


async def test_a_change_inside_a_change_is_a_mistake(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside a change"):
        await database.change(lambda change: database.change_now(note("a")))
    assert await database.change(note("b")) == 1


async def test_a_wrong_statement_answers_only_its_own_request(database: Database) -> None:
    wrong = database.change(
        lambda change: change.execute("INSERT INTO task_count VALUES ('a', 'b', 'no number')")
    )
    right = database.change(note("a"))
    assert await right == 1
    with pytest.raises(sqlite3.IntegrityError):
        await wrong


async def test_stop_iteration_reaches_the_asker_as_an_error(database: Database) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await database.change(lambda change: next(iter(())))


async def test_after_close_nothing_is_taken(path: Path) -> None:
    database = opened(path)
    pending = database.change(note("a"))
    database.close()
    database.close()
    assert await pending == 1
    with pytest.raises(ShuttingDown):
        database.change(note("b"))
    with pytest.raises(ShuttingDown):
        database.change_now(note("b"))


def test_without_a_loop_only_change_now_works(database: Database) -> None:
    with pytest.raises(RuntimeError):
        database.change(note("a"))
    assert database.change_now(note("a")) == 1
    with pytest.raises(Conflict):
        database.change_now(lambda change: raise_(Conflict("no")))


def raise_(error: BaseException) -> None:
    raise error


async def test_an_interrupt_undoes_the_transaction_and_goes_on_up(database: Database) -> None:
    first = database.change(note("a"))
    database.change(lambda change: raise_(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        database._flush()
    with pytest.raises(ShuttingDown):
        await first
    assert subjects(database) == []
    assert await database.change(note("b")) == 1


def test_close_folds_the_log_into_the_file(path: Path) -> None:
    database = opened(path)
    submit(database, new())
    assert path.with_name("steelyard.db-wal").stat().st_size > 0
    database.close()
    assert not path.with_name("steelyard.db-wal").exists()


def test_close_empties_the_log_though_another_program_looks_on(path: Path) -> None:
    database = opened(path)
    submit(database, new())
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM task").fetchall() == [(1,)]
        database.close()
        assert path.with_name("steelyard.db-wal").stat().st_size == 0


def test_the_settings_of_the_connection(database: Database) -> None:
    found = {
        name: database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync", "foreign_keys")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "foreign_keys": 1}


def test_integrity_check_finds_nothing_then_an_orphan(database: Database) -> None:
    submit(database, new(tags=["a"]))
    assert database.integrity_check() == []
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("DELETE FROM task")
    assert database.integrity_check() == ["row None of task_tag lacks its task"]


async def test_events_carry_the_moment_of_their_transaction(database: Database, clocks: FakeClocks) -> None:
    clocks.advance(5)
    await database.change(note("a"))
    (event,) = events.since(database, 0, 10)
    assert event.at == NOW + 5


WRITER = """
import asyncio, sys, time
from pathlib import Path
from steelyard.store.database import Database
from steelyard.store.tasks import NewTask, insert

class Clock:
    wall = staticmethod(time.time)

async def main():
    database = Database.open(Path(sys.argv[1]), Clock(), lambda name, detail: None)
    while True:
        wanted = [NewTask("command", {"argv": ["true"]}, 1, "default") for _ in range(3)]
        made = await asyncio.gather(*(database.change(lambda c, w=w: insert(c, [w])) for w in wanted))
        for ((task_id, _),) in made:
            print(task_id, flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    told = path.with_name("acknowledged")
    with told.open("wb") as file:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=file)
    try:
        eventually(lambda: told.read_bytes().count(b"\n") >= 60, within=20)
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    acknowledged = set(told.read_text().rpartition("\n")[0].split())
    phases: list[str] = []
    database = Database.open(path, FakeClocks(), lambda name, detail: phases.append(name))
    stored = {row[0] for row in database.execute("SELECT id FROM task").fetchall()}
    assert acknowledged <= stored
    assert len(stored) - len(acknowledged) <= 3, "more than the one transaction under way"
    seqs = [event.seq for event in events.since(database, 0, 100_000)]
    assert seqs == list(range(1, len(stored) + 1))
    assert "checking" in phases
    database.close()
