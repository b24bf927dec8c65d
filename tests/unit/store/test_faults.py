"""A disk that refuses: what SQLite says becomes one of our words, and never a half-made change."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.rules.errors import StorageFull
from steelyard.store import faults

LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from steelyard.rules.errors import StorageFull
from steelyard.store.database import Database

class Clock:
    wall = staticmethod(lambda: 0.0)

def large(change):
    for _ in range(40):
        change.event("prompt", "large", {"text": "x" * 50_000})

async def main():
    database = Database.open(Path(sys.argv[1]), Clock(), lambda name, detail: None)
    await database.change(lambda change: change.event("prompt", "a", {}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    both = await asyncio.gather(
        database.change(large), database.change(lambda change: change.event("prompt", "b", {})),
        return_exceptions=True,
    )
    print(type(both[0]).__name__, both[0].detail["reason"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await database.change(lambda change: change.event("prompt", "c", {}))
    rows = database.execute("SELECT subject FROM event ORDER BY seq").fetchall()
    print("large" in {row[0] for row in rows}, rows[0][0], rows[-1][0], database.integrity_check())
    database.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_file_that_may_not_grow_refuses_the_change_and_keeps_the_rest(tmp_path: Path) -> None:
    limited = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "steelyard.db")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert limited.stdout.splitlines() == ["StorageFull disk", "False a c []"], limited.stderr


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, faults.Kind.FULL),
        (sqlite3.SQLITE_IOERR_WRITE, faults.Kind.DISK),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, faults.Kind.LOCKED),
        (sqlite3.SQLITE_READONLY_DBMOVED, faults.Kind.UNWRITABLE),
        (sqlite3.SQLITE_CORRUPT, faults.Kind.CORRUPT),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, faults.Kind.OURS),
        (None, faults.Kind.OURS),
    ],
)
def test_a_code_of_sqlite_has_a_kind_and_an_answer(code: int | None, kind: faults.Kind) -> None:
    error = sqlite3.OperationalError("words")
    if code is not None:
        error.sqlite_errorcode = code
        error.sqlite_errorname = "NAME"
    assert faults.kind_of(error) is kind
    told = faults.while_running(error)
    if kind is faults.Kind.OURS:
        assert told is error
    else:
        assert isinstance(told, StorageFull) and told.detail == {"reason": kind.value, "sqlite": "NAME"}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "data_dir_unwritable"),
        (errno.EACCES, "data_dir_unwritable"),
    ],
)
def test_an_error_of_the_file_system_stops_the_start(tmp_path: Path, number: int, code: str) -> None:
    error = faults.at_start(tmp_path / "steelyard.db", OSError(number, "words"))
    assert error.fatal_code == code and error.remedy
