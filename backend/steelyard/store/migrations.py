"""The steps from one schema version to the next. A step is never changed once it was released.

So each spells out the tables as they were at its time: it neither reads tables.py nor what is built on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping

from steelyard.rules.features import program_of

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


def _remarks_and_sweeps(connection: sqlite3.Connection) -> None:
    """Version 4: what we noticed about attempts and directories; stages; sweeps, from their tasks."""
    connection.execute('ALTER TABLE "attempt" ADD COLUMN "remarks" TEXT')
    connection.execute(
        """CREATE TABLE "stages" ("simulation" TEXT NOT NULL, "program" TEXT NOT NULL, "stages" TEXT NOT NULL,
           PRIMARY KEY ("simulation", "program")) WITHOUT ROWID, STRICT"""
    )
    connection.execute(
        """CREATE TABLE "sweep" ("serial" INTEGER NOT NULL PRIMARY KEY, "id" TEXT NOT NULL,
           "simulation" TEXT NOT NULL, "name" TEXT NOT NULL, "key" TEXT, "digest" TEXT,
           "queued_at" REAL NOT NULL) STRICT"""
    )
    connection.execute('CREATE UNIQUE INDEX "sweep_id" ON "sweep" ("id")')
    connection.execute('CREATE UNIQUE INDEX "sweep_key" ON "sweep" ("key")')
    connection.execute("DROP INDEX task_sweep")
    connection.execute("CREATE INDEX task_sweep ON task(sweep_id, state) WHERE sweep_id IS NOT NULL")
    connection.execute(
        """INSERT INTO sweep(id, simulation, name, queued_at)
           SELECT sweep_id, simulation, '', min(queued_at) FROM task WHERE sweep_id IS NOT NULL
           GROUP BY sweep_id ORDER BY min(serial)"""
    )
    connection.execute(
        """CREATE TABLE "directory" ("simulation" TEXT NOT NULL PRIMARY KEY, "digest" TEXT NOT NULL,
           "wrote" INTEGER NOT NULL, "names" TEXT NOT NULL, "whole" INTEGER NOT NULL,
           "at" REAL NOT NULL) WITHOUT ROWID, STRICT"""
    )


def _fingerprints(connection: sqlite3.Connection) -> None:
    """Version 5: which version of a program a footprint is of, and why its peak is a lower bound; an index in
    which the first task that fits is found.
    """
    connection.execute('ALTER TABLE "footprint" ADD COLUMN "fingerprint" TEXT NOT NULL DEFAULT \'\'')
    connection.execute('ALTER TABLE "footprint" ADD COLUMN "starved" INTEGER NOT NULL DEFAULT 0')
    connection.execute("UPDATE footprint SET starved = 1 - complete")
    connection.execute("DROP INDEX task_runnable")
    connection.execute(
        """CREATE INDEX task_runnable
        ON task(queue, priority DESC, position, claim, cores, claim_source, forced)
        WHERE state = 'READY' AND blockers = 0 AND held_until IS NULL"""
    )


MIGRATIONS: Mapping[int, Migration] = {1: _footprints, 2: _pause, 3: _remarks_and_sweeps, 4: _fingerprints}
"""Schema version -> what leads from it to the next one."""
