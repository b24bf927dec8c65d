"""What may disagree inside a whole database, and between it and the tasks' folders; found, and mended.

For the doctor, while no sidecar has the database. Nothing here removes a task or a result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from steelyard.store.records import Reader, to_json
from steelyard.store.task_text import text_of

_COUNTS = "SELECT state, simulation, count(*) FROM task GROUP BY state, simulation"


@dataclass(frozen=True, slots=True)
class Mend:
    """What is wrong, what is done about it, and the doing, on a connection with an open transaction."""

    wrong: str
    remedy: str
    apply: Callable[[sqlite3.Connection], None]


def look(reader: Reader, tasks: Path) -> list[Mend]:
    """Everything that disagrees; tasks is the folder of the tasks' folders."""
    found = [_counts(reader), _references(reader), _words(reader), _checkpoints(reader, tasks)]
    return [mend for mend in found if mend is not None]


def attempts(reader: Reader) -> dict[str, int]:
    """Every task that has a row, and how many attempts it has had."""
    return {str(row[0]): int(row[1]) for row in reader.execute("SELECT id, attempt FROM task")}


def without_folders(reader: Reader, tasks: Path) -> list[str]:
    """Ids of tasks that have had an attempt and whose folder is gone: their output and files are lost."""
    rows = reader.execute("SELECT id FROM task WHERE attempt > 0 AND state <> 'RUNNING' ORDER BY serial")
    return [str(row[0]) for row in rows if not (tasks / str(row[0])).exists()]


def _counts(reader: Reader) -> Mend | None:
    real = {(state, simulation): n for state, simulation, n in reader.execute(_COUNTS)}
    kept = {
        (state, simulation): n
        for state, simulation, n in reader.execute("SELECT state, simulation, n FROM task_count")
        if n
    }
    if real == kept:
        return None

    def apply(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM task_count")
        connection.execute(f"INSERT INTO task_count(state, simulation, n) {_COUNTS}")

    wrong = len({key for key in real.keys() | kept.keys() if real.get(key) != kept.get(key)})
    return Mend(f"{wrong} counts of tasks are not what the tasks say", "count them anew", apply)


def _references(reader: Reader) -> Mend | None:
    """Rows that belong to a task that is not there (attempts, samples, tags, edges)."""
    broken = [(str(row[0]), str(row[2])) for row in reader.execute("PRAGMA foreign_key_check")]
    if not broken:
        return None

    def apply(connection: sqlite3.Connection) -> None:
        for table in {table for table, _ in broken}:
            for key in connection.execute(f"PRAGMA foreign_key_list({table})").fetchall():
                parent, column, target = key[2], key[3], key[4]
                connection.execute(
                    f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {target} FROM {parent})"
                )

    tables = ", ".join(sorted({table for table, _ in broken}))
    return Mend(
        f"{len(broken)} rows ({tables}) belong to tasks that are not there", "remove these rows", apply
    )


def _words(reader: Reader) -> Mend | None:
    lacking = "SELECT * FROM task WHERE serial NOT IN (SELECT serial FROM task_text)"
    extra = "serial NOT IN (SELECT serial FROM task)"
    (missing,) = reader.execute(f"SELECT count(*) FROM ({lacking})").fetchone()
    (left,) = reader.execute(f"SELECT count(*) FROM task_text WHERE {extra}").fetchone()
    if not missing and not left:
        return None

    def apply(connection: sqlite3.Connection) -> None:
        connection.execute(f"DELETE FROM task_text WHERE {extra}")
        rows = connection.execute(lacking).fetchall()
        connection.executemany(
            "INSERT INTO task_text(serial, text) VALUES (?, ?)",
            [(row["serial"], text_of(row)) for row in rows],
        )

    return Mend(f"the search knows {missing} tasks too few and {left} too many", "make its words anew", apply)


def _checkpoints(reader: Reader, tasks: Path) -> Mend | None:
    """Tasks that are said to have a checkpoint whose whole folder is gone: they would be kept for ever."""
    rows = reader.execute("SELECT id FROM task WHERE checkpoint_at IS NOT NULL AND state <> 'RUNNING'")
    gone = [str(row[0]) for row in rows if not (tasks / str(row[0])).exists()]
    if not gone:
        return None

    def apply(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE task SET checkpoint_at = NULL WHERE id IN (SELECT value FROM json_each(?))",
            (to_json(gone),),
        )

    return Mend(
        f"the checkpoints of {len(gone)} tasks are gone: {_some(gone)}", "note that they have none", apply
    )


def _some(ids: Iterable[str]) -> str:
    listed = list(ids)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
