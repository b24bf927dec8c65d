"""The schema itself."""

from __future__ import annotations

import sqlite3

import pytest

from steelyard.store.database import Database
from steelyard.store.tables import TABLES
from tests.unit.store.making import NOW, new, submit


def test_every_table_of_the_design_is_there(database: Database) -> None:
    found = {row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {"worker", "task", "attempt", "event", "sample", "footprint"} <= found
    assert {model._meta.table_name for model in TABLES} <= found


def test_a_value_of_another_type_is_refused(database: Database) -> None:
    (task_id,) = submit(database, new())
    for column in ("claim", "priority", "queued_at"):
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(f"UPDATE task SET {column} = 'x' WHERE id = ?", (task_id,))


def test_only_a_ready_task_is_held(database: Database) -> None:
    (task_id,) = submit(database, new(not_before=NOW + 60))
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        database.execute("UPDATE task SET state = 'FAILED' WHERE id = ?", (task_id,))


def test_a_key_and_an_id_are_given_once(database: Database) -> None:
    submit(database, new(key="a"), new(key="b"), new(), new())
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("UPDATE task SET key = 'a' WHERE key = 'b'")
