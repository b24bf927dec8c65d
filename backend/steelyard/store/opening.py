"""What happens to the database file before anyone may use it: is it ours and whole, backup, migration.

A file that is damaged or foreign is never written to, not even by the checkpoint of a closing connection: it
is looked at through a read-only connection first.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from peewee import SqliteDatabase

from steelyard.machine.faultpoints import reach
from steelyard.rules.errors import StartError
from steelyard.store import backups, faults
from steelyard.store.migrations import MIGRATIONS, Migration
from steelyard.store.tables import APPLICATION_ID, SCHEMA_VERSION, create_schema

Phase = Callable[[str, str], None]
"""Told what takes time: name ("opening", "checking", "migrating") and a detail for people."""

BUSY_SECONDS = 2.0
"""How long to wait for another program that holds the file (a backup tool, a database browser)."""

CACHE_KIB = 8 * 1024
"""Page cache of the connection; counts into the sidecar's 60 MB."""


SMALL = 32 * 1024 * 1024
"""Bytes; a file up to this size is checked at every start (some 50 ms), a larger one with a reason."""


def inspect(path: Path, phase: Phase) -> int:
    """Schema version of the file (0: none yet), read without writing. StartError if it cannot be used.

    A small file, or one that the last run did not close (a write-ahead log is left), is checked by the page.
    """
    if not path.exists() or path.stat().st_size == 0:
        # Whoever has a backup has had a database: an empty one in its place would hide that it is gone.
        if backups.sound(path) is not None:
            raise faults.corrupt(path, "it is not there, though backups of it are")
        return 0
    log = path.with_name(path.name + "-wal")
    unclean = log.exists() and log.stat().st_size > 0
    if unclean:
        phase("checking", "the last run did not close the database; every page is checked")
    try:
        with contextlib.closing(_connect(path, read_only=True)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
            owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
            if unclean or path.stat().st_size <= SMALL:
                found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)").fetchall()]
                if found != ["ok"]:
                    raise faults.corrupt(path, "; ".join(found))
    except sqlite3.Error as error:
        raise faults.at_start(path, error) from error
    if owner != APPLICATION_ID and (tables or version):
        raise faults.corrupt(path, "it is a database of another program")
    return version


def connect(path: Path) -> tuple[SqliteDatabase, sqlite3.Connection]:
    """peewee's database and the one connection that it and the literal SQL share. StartError on refusal."""
    _make_private(path)
    # thread_safe=False: one connection for all; sqlite3 itself raises if another thread touches it.
    # peewee opens with isolation_level None, so that BEGIN and COMMIT are ours alone.
    database = SqliteDatabase(
        str(path), thread_safe=False, autoconnect=False, timeout=BUSY_SECONDS, cached_statements=256
    )
    try:
        database.connect()
        connection = database.connection()  # type: ignore[no-untyped-call]  # the stubs leave it bare
        assert isinstance(connection, sqlite3.Connection)
        connection.row_factory = sqlite3.Row
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        # temp_store stays FILE: a SAVEPOINT's journal in memory is walked from its start by every statement,
        # so that a batch of 10,000 tasks would take ten times as long (measured with SQLite 3.40).
        for pragma in (
            "synchronous = FULL",
            "fullfsync = ON",  # on macOS FULL alone leaves a commit in the drive's own memory
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            "journal_size_limit = 67108864",
            "secure_delete = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except Exception as error:
        with contextlib.suppress(Exception):  # the error that counts is the one at hand
            database.close()
        cause = faults.behind(error)
        if cause is not None:
            raise faults.at_start(path, cause) from error
        raise
    if mode != "wal":
        database.close()
        raise StartError(
            "data_dir_unwritable",
            f"{path.parent} cannot hold a database with a write-ahead log; it is probably a network folder.",
            "Choose a folder on a local disk with --data-dir or STEELYARD_DATA_DIR.",
        )
    return database, connection


def migrate(
    path: Path,
    database: SqliteDatabase,
    connection: sqlite3.Connection,
    phase: Phase,
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = SCHEMA_VERSION,
) -> None:
    """Bring the tables to version `target` in one transaction; an older file is backed up first."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == target:
        return
    if version > target:
        raise StartError(
            "migration_failed",
            f"The database has schema {version}; this Steelyard knows schemas up to {target}.",
            "Install the newer Steelyard that was used last, or choose another data directory.",
        )
    if version == 0:
        phase("migrating", "making a new database")

        def make() -> None:
            create_schema(database, connection)

        _in_transaction(path, connection, target, make, backup=None)
        return
    backup = path.with_name(f"{path.name}.backup-v{version}")
    phase("migrating", f"schema {version} to {target}; the old file is kept as {backup.name}")
    reach("migrate", "before_backup")
    back_up(path, connection, backup)
    reach("migrate", "after_backup")

    def steps() -> None:
        for number in range(version, target):
            migrations[number](connection)
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise sqlite3.IntegrityError(f"{len(broken)} rows would refer to rows that are not there")

    _in_transaction(path, connection, target, steps, backup=backup)


def back_up(path: Path, connection: sqlite3.Connection, backup: Path) -> None:
    """Copy the open database to `backup` (0600), whole or not at all; it replaces an older one."""
    try:
        backups.copy_to(connection, backup)
    except (sqlite3.Error, OSError) as error:
        raise faults.at_start(path, error) from error


def set_aside(path: Path, stamp: str) -> Path:
    """Rename a database that cannot be used, with its log, to `<name>.damaged-<stamp>`; the new path.

    Nothing calls this by itself: a person decides. FileExistsError if that name is taken.
    """
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    if aside.exists():
        raise FileExistsError(aside)
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _in_transaction(
    path: Path,
    connection: sqlite3.Connection,
    version: int,
    work: Callable[[], None],
    *,
    backup: Path | None,
) -> None:
    """Run `work` and set user_version: both or neither."""
    # Foreign keys are off meanwhile, for a step may rebuild a table; inside a transaction it is too late.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        connection.execute("BEGIN IMMEDIATE")
        work()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        reach("migrate", "before_commit")
        connection.execute("COMMIT")
        reach("migrate", "after_commit")
    except Exception as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        cause = faults.behind(error)
        if cause is not None and faults.kind_of(cause) is not faults.Kind.OURS:
            raise faults.at_start(path, cause) from error
        kept = f" A copy from before is {backup}." if backup is not None else ""
        raise StartError(
            "migration_failed",
            f"The database could not be brought to schema {version}: {error}. It is as it was.",
            f"Go back to the Steelyard that was used last, and report this.{kept}",
        ) from error
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )


def _make_private(path: Path) -> None:
    """Make the file if it is not there, and mode 0600 under any umask; its log and index take it over."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.chmod(0o600)
    except OSError as error:
        raise faults.at_start(path, error) from error
