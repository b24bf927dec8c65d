"""What a full disk, a lock of another program and an undone transaction cost: whoever asked, and no other."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from steelyard.rules.errors import StorageFull
from steelyard.store import opening
from steelyard.store.database import Change, Database
from tests.unit.store.making import new, opened, submit
from tests.unit.store.test_database import heard, note, subjects


def limit_pages(database: Database) -> None:
    """Let the file grow no further: what SQLite then says is what it says on a full disk."""
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")


def unlimited(database: Database) -> None:
    database.execute("PRAGMA max_page_count = 1073741823")


def large(change: Change) -> int:
    return change.event("prompt", "large", {"text": "x" * 100_000})


async def test_a_full_disk_is_said_and_changes_nothing_and_small_changes_go_on(database: Database) -> None:
    submit(database, new())
    before = database.execute("SELECT count(*) FROM event").fetchone()[0]
    limit_pages(database)
    outcomes = await asyncio.gather(
        database.change(large), database.change(lambda change: 7), return_exceptions=True
    )
    assert isinstance(outcomes[0], StorageFull)
    assert outcomes[0].detail == {"reason": "full", "sqlite": "SQLITE_FULL"}
    assert outcomes[1] == 7
    assert database.execute("SELECT count(*) FROM event").fetchone()[0] == before
    unlimited(database)
    assert await database.change(note("a")) == before + 1
    assert database.integrity_check() == []


async def test_a_transaction_that_sqlite_undid_by_itself_is_repeated_without_the_culprit(
    database: Database,
) -> None:
    calls = heard(database)

    def undone(change: Change) -> None:
        change.event("prompt", "b", {})
        change.execute("ROLLBACK")  # what SQLite does when the disk fails in the midst of a statement
        raise OSError("the statement failed")

    def hidden(change: Change) -> None:
        change.execute("ROLLBACK")

    for breaks in (undone, hidden):
        outcomes = await asyncio.gather(
            database.change(note("a")),
            database.change(breaks),
            database.change(note("c")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], StorageFull)
    assert subjects(database) == ["a", "c", "a", "c"]
    assert [[event.seq for event in call] for call in calls] == [[1], [2], [3], [4]]


async def test_a_commit_that_fails_changes_nothing_and_answers_everyone(database: Database) -> None:
    def orphan(change: Change) -> str:
        change.execute("PRAGMA defer_foreign_keys = ON")
        change.execute("INSERT INTO task_after(predecessor_id, task_id) VALUES ('no', 'no')")
        return "done"

    calls = heard(database)
    outcomes = await asyncio.gather(
        database.change(note("a")), database.change(orphan), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [sqlite3.IntegrityError] * 2
    assert subjects(database) == [] and calls == []
    assert await database.change(note("b")) == 1


async def test_another_program_that_holds_the_file_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    database = opened(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFull, match="Another program holds") as caught:
            await database.change(note("a"))
        assert caught.value.detail["reason"] == "locked"
        other.execute("ROLLBACK")
    assert await database.change(note("a")) == 1
    database.close()
