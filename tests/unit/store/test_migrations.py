"""Each step of the schema, from a file as the version before it made it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from steelyard.rules.states import TaskState
from steelyard.store import footprints, sweeps
from steelyard.store.tables import SCHEMA_VERSION
from tests.unit.store.making import end, new, opened, run, submit

VERSION_1 = (
    "DROP TABLE sweep",
    "DROP TABLE stages",
    "DROP INDEX task_sweep",
    "CREATE INDEX task_sweep ON task(sweep_id) WHERE sweep_id IS NOT NULL",
    "DROP TABLE pause",
    "DROP TABLE directory",
    "DROP TABLE footprint",
    """CREATE TABLE "footprint" ("serial" INTEGER NOT NULL PRIMARY KEY, "task_id" TEXT NOT NULL,
       "simulation" TEXT NOT NULL, "parameters" TEXT NOT NULL, "at" REAL NOT NULL, "peak" INTEGER NOT NULL,
       "duration" REAL NOT NULL, "cpu_seconds" REAL) STRICT""",
    'CREATE INDEX "footprint_simulation" ON "footprint" ("simulation")',
    "ALTER TABLE attempt DROP COLUMN remarks",
    "DROP INDEX task_runnable",
    """CREATE INDEX task_runnable ON task(queue, priority DESC, position)
       WHERE state = 'READY' AND blockers = 0 AND held_until IS NULL""",
    "PRAGMA user_version = 1",
)
"""What makes a file of today one of version 1."""

VERSION_4 = (
    "ALTER TABLE footprint DROP COLUMN fingerprint",
    "ALTER TABLE footprint DROP COLUMN starved",
    "DROP INDEX task_runnable",
    """CREATE INDEX task_runnable ON task(queue, priority DESC, position)
       WHERE state = 'READY' AND blockers = 0 AND held_until IS NULL""",
    "PRAGMA user_version = 4",
)
"""What makes a file of today one of version 4."""


def schema(path: Path) -> list[tuple[str, str]]:
    """Names and texts of all that the schema holds."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return [(name, sql or "") for name, sql in found]


def columns(path: Path, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute(f"PRAGMA table_info({table})").fetchall()
    connection.close()
    return found


def version_1(path: Path) -> None:
    """A database with one succeeded task, one that failed and one that waits, as version 1 left it."""
    database = opened(path)
    done, failed, _ = submit(
        database, new(parameters={"argv": ["python", "model.py", "3"]}), new(), new(label="waits")
    )
    end(database, done, run(database, done), peak_memory=5_000, duration=90.0)
    end(database, failed, run(database, failed), TaskState.FAILED, peak_memory=9_000, duration=1.0)
    database.close()
    with sqlite3.connect(path) as connection:
        for statement in VERSION_1:
            connection.execute(statement)
    connection.close()


def test_version_2_learns_from_the_runs_that_were_there(path: Path) -> None:
    version_1(path)
    database = opened(path)
    (past,) = footprints.newest(database, "command", "python model.py").runs
    assert (past.peak, past.duration, past.complete) == (5_000, 90.0, True)
    assert past.parameters == {"0": "python", "1": "model.py", "2": 3.0}
    assert database.execute("SELECT count(*) FROM footprint").fetchone()[0] == 1
    assert database.execute("SELECT count(*) FROM task").fetchone()[0] == 3
    assert database.integrity_check() == []
    database.close()
    assert path.with_name("steelyard.db.backup-v1").exists()


def test_version_4_knows_the_sweeps_whose_tasks_are_there(path: Path) -> None:
    database = opened(path)
    submit(
        database, new(sweep_id="aaaa"), new(), new(sweep_id="bbbb", simulation="walk"), new(sweep_id="aaaa")
    )
    database.close()
    with sqlite3.connect(path) as connection:
        for statement in VERSION_1:
            connection.execute(statement)
    connection.close()
    database = opened(path)
    found, _ = sweeps.page(database, 10, None)
    assert [(one["sweep_id"], one["simulation"], one["total"], one["key"]) for one in found] == [
        ("bbbb", "walk", 1, None),
        ("aaaa", "command", 2, None),
    ]
    database.close()


def test_version_5_knows_who_was_ended_for_want_of_memory(path: Path, tmp_path: Path) -> None:
    """Until then, only those were kept of which the peak is a lower bound."""
    opened(path).close()
    with sqlite3.connect(path) as connection:
        for statement in VERSION_4:
            connection.execute(statement)
        connection.executemany(
            """INSERT INTO footprint(task_id, simulation, program, parameters, at, peak, duration, complete)
               VALUES (?, 'steel', '', '{}', 1.0, 5000, ?, ?)""",
            [("aaaa", 60.0, 1), ("bbbb", None, 0)],
        )
    connection.close()
    database = opened(path)
    past = footprints.newest(database, "steel", "").runs
    assert sorted((run.complete, run.starved) for run in past) == [(False, True), (True, False)]
    database.close()
    fresh = tmp_path / "fresh.db"
    opened(fresh).close()
    assert [columns(path, name) for name, _ in schema(fresh)] == [
        columns(fresh, name) for name, _ in schema(fresh)
    ]


def test_an_old_file_ends_with_the_schema_of_a_new_one(path: Path, tmp_path: Path) -> None:
    version_1(path)
    opened(path).close()
    fresh = tmp_path / "fresh.db"
    opened(fresh).close()
    assert [name for name, _ in schema(path)] == [name for name, _ in schema(fresh)]
    for name, _ in schema(fresh):
        assert columns(path, name) == columns(fresh, name)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    connection.close()
