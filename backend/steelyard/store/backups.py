"""Copies of the database to go back to: made while it is in use, checked, whole or not at all.

They lie beside it, for its owner alone: `steelyard.db.backup-<UTC time>` (the latest KEEP) and
`steelyard.db.backup-v<schema>` from before a migration, which stays. A copy is made on a connection of its
own that only reads, so it may run in a thread while the one writer goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from steelyard.machine.private_files import flush_to_disk

KEEP = 3
"""Copies of ours that are kept; those from before a migration are not counted."""

ROOM = 2
"""Times its size that must be free on the disk: a copy must not be what fills it."""

PAGES = 1024
"""Pages of 4 KiB that are copied at a stretch."""

_PART = ".part"


class Damaged(Exception):
    """The copy is no whole database, so what was copied is none: its message is what SQLite found."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy: where it lies, when it was made (Unix s), the last event that it knows (None: unreadable)."""

    path: Path
    made: float
    last_seq: int | None


def known(database: Path) -> list[Backup]:
    """The copies of this database, the latest first. One that cannot be read is among them."""
    backups = [Backup(path, path.stat().st_mtime, _last_seq_of(path)) for path in _all(database)]
    return sorted(backups, key=lambda one: one.made, reverse=True)


def sound(database: Path) -> Backup | None:
    """The latest copy in which SQLite finds no fault; it looks at every page."""
    readable = (one for one in known(database) if one.last_seq is not None)
    return next((one for one in readable if not faults_in(one.path)), None)


@contextlib.contextmanager
def _damage_as_such() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Damaged(str(error)) from error
        raise


def latest(database: Path) -> float | None:
    """When the latest copy was made, Unix s; None: there is none."""
    return max((path.stat().st_mtime for path in _all(database)), default=None)


def make(database: Path, now: float, give_up: Callable[[], bool] = lambda: False) -> Backup | None:
    """Copy the database that is in use, and forget the oldest copies; None: nothing happened since the last.

    now: Unix s, its name and age. give_up is asked every few milliseconds: InterruptedError. Damaged, and the
    older copies stay; OSError (ENOSPC where it would fill the disk), sqlite3.Error.
    """
    with _damage_as_such(), contextlib.closing(_reading(database)) as source:
        seq = _last_seq(source)
        before = known(database)
        if before and before[0].last_seq == seq:
            return None
        size = database.stat().st_size
        if shutil.disk_usage(database.parent).free < ROOM * size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(database.parent))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        target = database.with_name(f"{database.name}.backup-{stamp}")
        copy_to(source, target, give_up)
    os.utime(target, (now, now))
    found = faults_in(target)
    if found:
        target.unlink()
        raise Damaged("; ".join(found))
    for old in _ours(database)[KEEP:]:
        old.unlink(missing_ok=True)
    return Backup(target, target.stat().st_mtime, seq)


def copy_to(source: sqlite3.Connection, target: Path, give_up: Callable[[], bool] = lambda: False) -> None:
    """Copy an open database to `target` (0600), which is replaced at once. OSError, sqlite3.Error."""

    def go_on(*_: int) -> None:
        if give_up():
            raise InterruptedError("the copy was given up")

    part = target.with_name(target.name + _PART)
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT, 0o600))
        with contextlib.closing(sqlite3.connect(part)) as copy:
            # A transaction that reads all the while: with each one of its own, a change meanwhile would have
            # the copy begin anew.
            held = not source.in_transaction
            if held:
                source.execute("BEGIN").execute("SELECT count(*) FROM sqlite_schema").fetchone()
            try:
                source.backup(copy, pages=PAGES, progress=go_on)
            finally:
                if held and source.in_transaction:
                    source.rollback()
        with part.open("rb+") as file:
            flush_to_disk(file.fileno())
        part.replace(target)
    except (sqlite3.Error, OSError):
        part.unlink(missing_ok=True)
        raise


def faults_in(path: Path) -> list[str]:
    """What SQLite finds wrong in the pages of a file that nobody has open; empty when it is whole."""
    try:
        # Not `mode=ro` alone: a file in WAL mode would get a log and an index beside it.
        with contextlib.closing(sqlite3.connect(f"{_uri(path)}?mode=ro&immutable=1", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.Error as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def unfinished(database: Path) -> list[Path]:
    """What a copy that was interrupted left."""
    return sorted(database.parent.glob(f"{database.name}.backup-*{_PART}*"))


def _all(database: Path) -> list[Path]:
    return [path for path in database.parent.glob(f"{database.name}.backup-*") if path.suffix != _PART]


def _ours(database: Path) -> list[Path]:
    """The copies with a time in their name, the latest first."""
    pattern = f"{database.name}.backup-[0-9]*Z"
    return sorted(database.parent.glob(pattern), key=lambda path: path.name, reverse=True)


def _last_seq_of(path: Path) -> int | None:
    try:
        with contextlib.closing(sqlite3.connect(f"{_uri(path)}?mode=ro&immutable=1", uri=True)) as connection:
            return _last_seq(connection)
    except sqlite3.Error:
        return None


def _last_seq(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return int(row[0]) if row else 0


def _reading(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{_uri(database)}?mode=ro", uri=True)


def _uri(path: Path) -> str:
    return path.absolute().as_uri()
