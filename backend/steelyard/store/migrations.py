"""The steps from one schema version to the next. A step is never changed once it was released.

So each spells out the tables as they were at its time: it neither reads tables.py nor what is built on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping

from steelyard.rules.footprint import program_of

Migration = Callable[[sqlite3.Connection], None]
"""Changes the tables of version n to those of n + 1, inside the transaction of all steps."""


def _footprints(connection: sqlite3.Connection) -> None:
    """Version 2: the footprint table, which nothing wrote to before, made anew and filled from history."""
    connection.execute("DROP TABLE footprint")
    connection.execute(
        """CREATE TABLE "footprint" ("serial" INTEGER NOT NULL PRIMARY KEY, "task_id" TEXT NOT NULL,
           "simulation" TEXT NOT NULL, "program" TEXT NOT NULL, "parameters" TEXT NOT NULL,
           "at" REAL NOT NULL, "peak" INTEGER NOT NULL, "duration" REAL,
           "complete" INTEGER NOT NULL) STRICT"""
    )
    connection.execute('CREATE INDEX "footprint_simulation_program" ON "footprint" ("simulation", "program")')
    past = connection.execute(
        """SELECT task.id, task.simulation, task.parameters, attempt.finished_at, attempt.peak_memory,
           attempt.duration FROM attempt JOIN task ON task.id = attempt.task_id
           WHERE attempt.cause = 'succeeded' AND attempt.peak_memory > 0 AND attempt.duration IS NOT NULL
           ORDER BY attempt.finished_at"""
    ).fetchall()
    connection.executemany(
        """INSERT INTO footprint(task_id, simulation, program, parameters, at, peak, duration, complete)
           VALUES (?, ?, ?, ?, ?, ?, ?, 1)""",
        [
            (
                task_id,
                simulation,
                program_of(simulation, json.loads(parameters)),
                parameters,
                at,
                peak,
                duration,
            )
            for task_id, simulation, parameters, at, peak, duration in past
        ],
    )


def _pause(connection: sqlite3.Connection) -> None:
    """Version 3: who has paused the queue."""
    connection.execute(
        'CREATE TABLE "pause" ("who" TEXT NOT NULL PRIMARY KEY, "at" REAL NOT NULL) WITHOUT ROWID, STRICT'
    )


def _remarks(connection: sqlite3.Connection) -> None:
    """Version 4: what we noticed about an attempt beside how it ended."""
    connection.execute('ALTER TABLE "attempt" ADD COLUMN "remarks" TEXT')


MIGRATIONS: Mapping[int, Migration] = {1: _footprints, 2: _pause, 3: _remarks}
"""Schema version -> what leads from it to the next one."""
