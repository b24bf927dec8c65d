"""Disagreements inside a whole database: each is found, named, and gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.rules.states import TaskState
from steelyard.store import claims, mending, tasks
from steelyard.store.database import Database
from tests.unit.store.making import NOW, end, new, run, submit


def mended(database: Database, folder: Path) -> list[str]:
    """What was wrong; all of it is mended."""
    found = mending.look(database, folder)
    connection = database._connection
    connection.execute("BEGIN IMMEDIATE")
    for one in found:
        one.apply(connection)
    connection.execute("COMMIT")
    assert mending.look(database, folder) == []
    assert database.integrity_check() == []
    return [one.wrong for one in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tasks"


def test_a_sound_database_needs_nothing(database: Database, folder: Path) -> None:
    [task_id] = submit(database, new(tags=["a"]))
    end(database, task_id, run(database, task_id))
    assert mending.look(database, folder) == []


def test_counts_are_counted_anew(database: Database, folder: Path) -> None:
    submit(database, new(), new())
    database.execute("UPDATE task_count SET n = 7")
    [wrong] = mended(database, folder)
    assert "counts of tasks" in wrong
    assert tasks.counts(database)["READY"] == 2


def test_rows_of_no_task_go(database: Database, folder: Path) -> None:
    [task_id] = submit(database, new(tags=["a"]))
    run(database, task_id)
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("INSERT INTO task_tag(tag, serial) VALUES ('b', 4711)")
    database.execute("INSERT INTO sample(task_id, number, at, memory, cpu) VALUES ('nobody', 1, 1.0, 1, 1.0)")
    database.execute("PRAGMA foreign_keys = ON")
    [wrong] = mended(database, folder)
    assert "2 rows (sample, task_tag)" in wrong
    assert [row[0] for row in database.execute("SELECT tag FROM task_tag")] == ["a"]


def test_the_words_of_the_search_are_made_anew(database: Database, folder: Path) -> None:
    submit(database, new(label="Größe"), new())
    database.execute("DELETE FROM task_text")
    database.execute("INSERT INTO task_text(serial, text) VALUES (4711, 'ghost')")
    [wrong] = mended(database, folder)
    assert "2 tasks too few and 1 too many" in wrong
    assert tasks.page(database, {"q": "GRÖSSE"}, 10, None)["total"] == 1
    assert tasks.page(database, {"q": "ghost"}, 10, None)["total"] == 0


def test_a_checkpoint_whose_folder_is_gone_is_none(database: Database, folder: Path) -> None:
    here, gone = submit(database, new(), new())
    for task_id in (here, gone):
        number = run(database, task_id)
        database.change_now(lambda change, t=task_id, n=number: claims.checkpointed(change, t, n, NOW))  # type: ignore[misc]
        end(database, task_id, number, TaskState.FAILED)
    (folder / here).mkdir(parents=True)
    [wrong] = mended(database, folder)
    assert gone in wrong and here not in wrong
    assert tasks.row(database, here)["checkpoint_at"] == NOW  # type: ignore[index]
    assert mending.without_folders(database, folder) == [gone]
