"""A change of thousands of rows: all or nothing as any other, in a thread, and no other change is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from steelyard.rules.errors import Conflict, ShuttingDown, StorageFull
from steelyard.store import opening
from steelyard.store.database import TOLD_AT_ONCE, Change, Database
from tests.unit.store.making import opened
from tests.unit.store.test_database import heard, note, subjects


class Slow:
    """A change that begins, and ends when it may."""

    def __init__(self, count: int = 3) -> None:
        self.count = count
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.thread = 0

    def __call__(self, change: Change) -> int:
        self.thread = threading.get_ident()
        for number in range(self.count):
            change.event("prompt", f"long {number}", {})
        self.begun.set()
        assert self.may_end.wait(30)
        return self.count


async def test_others_read_meanwhile_and_their_changes_come_after_it(database: Database) -> None:
    calls, slow = heard(database), Slow()
    long = asyncio.ensure_future(database.change_long(slow))
    assert await asyncio.to_thread(slow.begun.wait, 30)
    short = database.change(note("short"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert subjects(database) == [] and not short.done()
    slow.may_end.set()
    assert await long == 3
    assert await short == 4
    assert subjects(database) == ["long 0", "long 1", "long 2", "short"]
    assert [event.seq for call in calls for event in call] == [1, 2, 3, 4]
    assert slow.thread != threading.get_ident()


async def test_thousands_of_events_are_told_in_slices_before_it_is_answered(database: Database) -> None:
    calls, slow = heard(database), Slow(3 * TOLD_AT_ONCE + 1)
    slow.may_end.set()
    await database.change_long(slow)
    assert [len(call) for call in calls] == [TOLD_AT_ONCE] * 3 + [1]


async def test_one_that_fails_is_undone_and_costs_nobody_else_theirs(database: Database) -> None:
    calls = heard(database)

    def refuses(change: Change) -> None:
        change.event("prompt", "never", {})
        raise Conflict("no")

    outcomes = await asyncio.gather(
        database.change_long(refuses), database.change(note("a")), return_exceptions=True
    )
    assert isinstance(outcomes[0], Conflict)
    assert subjects(database) == ["a"]
    assert [event.subject for call in calls for event in call] == ["a"]


@pytest.mark.parametrize("says_so", [True, False])
async def test_one_that_sqlite_undid_is_refused(database: Database, says_so: bool) -> None:
    def undone(change: Change) -> None:
        change.event("prompt", "never", {})
        change.execute("ROLLBACK")  # what SQLite does when the disk fails in the midst of a statement
        if says_so:
            raise OSError("the statement failed")

    with pytest.raises(StorageFull):
        await database.change_long(undone)
    assert subjects(database) == []
    assert await database.change_long(note("a")) == 1


async def test_another_program_that_holds_the_file_is_named_and_it_goes_on_afterwards(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    database = opened(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFull, match="Another program holds"):
            await database.change_long(note("a"))
        assert database.condition.trouble is not None
        other.execute("ROLLBACK")
    assert await database.change_long(note("a")) == 1
    assert database.condition.trouble is None
    database.close()


async def test_a_file_that_was_moved_away_takes_none_and_none_is_made_in_its_place(
    database: Database, path: Path
) -> None:
    away = path.with_name("away")
    path.rename(away)
    with pytest.raises(StorageFull):
        await database.change_long(note("a"))
    assert not path.exists()
    away.rename(path)
    assert await database.change_long(note("a")) == 1


async def test_it_goes_on_if_whoever_asked_for_it_has_gone(database: Database) -> None:
    slow = Slow()
    long = asyncio.ensure_future(database.change_long(slow))
    assert await asyncio.to_thread(slow.begun.wait, 30)
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    slow.may_end.set()
    assert await database.change(note("after")) == 4


async def test_close_waits_for_it_and_for_the_changes_behind_it(path: Path) -> None:
    database, slow = opened(path), Slow()
    long = asyncio.ensure_future(database.change_long(slow))
    assert await asyncio.to_thread(slow.begun.wait, 30)
    short = database.change(note("short"))
    slow.may_end.set()
    database.close()
    assert (await long, await short) == (3, 4)
    with pytest.raises(ShuttingDown):
        await database.change_long(slow)
    again = opened(path)
    assert subjects(again) == ["long 0", "long 1", "long 2", "short"]
    again.close()


async def test_one_that_raises_what_no_future_can_carry_is_answered_and_others_go_on(
    database: Database,
) -> None:
    def runs_out(change: Change) -> None:
        change.event("prompt", "never", {})
        next(iter(()))

    async with asyncio.timeout(30):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await database.change_long(runs_out)
        await database.change(note("a"))
    assert subjects(database) == ["a"]
