"""What SQLite and the file system refuse, in the terms of rules.errors: fatal at start, an answer later."""

from __future__ import annotations

import errno
import shlex
import shutil
import sqlite3
from enum import Enum
from pathlib import Path

from steelyard.rules.errors import StartError, StorageFull
from steelyard.store import backups

NEXT_TO_NOTHING = 64 * 1024
"""Bytes; a disk with less is full: the index of the write-ahead log alone takes 32 KiB."""


ROOM_TO_WORK = 1024 * 1024
"""Bytes; with less no task is started: its folder, its parameters and its first output need some room."""


class Kind(Enum):
    """Whose fault an error of SQLite is."""

    FULL = "full"
    LOCKED = "locked"
    UNWRITABLE = "unwritable"
    MOVED = "moved"
    CORRUPT = "corrupt"
    DISK = "disk"
    OURS = "ours"
    """A constraint or a statement that is wrong: never the machine's fault."""


_KINDS = {
    sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_BUSY: Kind.LOCKED,
    sqlite3.SQLITE_LOCKED: Kind.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Kind.LOCKED,
    sqlite3.SQLITE_READONLY: Kind.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: Kind.UNWRITABLE,
    sqlite3.SQLITE_PERM: Kind.UNWRITABLE,
    sqlite3.SQLITE_AUTH: Kind.UNWRITABLE,
    sqlite3.SQLITE_CORRUPT: Kind.CORRUPT,
    sqlite3.SQLITE_NOTADB: Kind.CORRUPT,
    sqlite3.SQLITE_IOERR: Kind.DISK,
    sqlite3.SQLITE_NOMEM: Kind.DISK,
    sqlite3.SQLITE_INTERRUPT: Kind.DISK,
}


def kind_of(error: sqlite3.Error) -> Kind:
    """The kind of an error; the low byte of SQLite's code is the primary one."""
    code = getattr(error, "sqlite_errorcode", None)
    return Kind.OURS if code is None else _KINDS.get(code & 0xFF, Kind.OURS)


def behind(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's own error behind one that was made of it; None if there is none.

    peewee names it as the context of its own, not as the cause.
    """
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return error


SENTENCES = {
    Kind.FULL: "The disk that holds Steelyard's database is full",
    Kind.LOCKED: "Another program holds Steelyard's database",
    Kind.UNWRITABLE: "Steelyard's database has become read-only",
    Kind.MOVED: "Steelyard's database was moved away or deleted",
    Kind.CORRUPT: "Steelyard's database is damaged",
    Kind.DISK: "The disk that holds Steelyard's database does not work",
}
"""What is wrong, for people; without its full stop."""

WHAT_TO_DO = {
    Kind.FULL: "Free some space on it.",
    Kind.LOCKED: "Close the program that has steelyard.db open (a database browser, a backup).",
    Kind.UNWRITABLE: "Make the data directory and its files writable again.",
    Kind.MOVED: "Put steelyard.db back; if it is gone, stop Steelyard, which then writes it anew.",
    Kind.CORRUPT: "Let the running tasks end, stop Steelyard, and run: steelyard doctor --repair",
    Kind.DISK: "Look after that disk; when it works again, stop Steelyard and start it anew.",
}
"""For people; a sentence."""

AFTERWARDS = {
    Kind.FULL: "The disk that holds the database was full",
    Kind.LOCKED: "Another program held the database",
    Kind.UNWRITABLE: "The database was read-only",
    Kind.MOVED: "The database was moved away",
    Kind.CORRUPT: "The database was damaged",
    Kind.DISK: "The disk that holds the database did not work",
}
"""What is told when it is over; without its full stop."""


def while_running(error: sqlite3.Error) -> Exception:
    """What a request is told when its change met this error: StorageFull, or the error if it is ours."""
    kind = kind_of(error)
    return error if kind is Kind.OURS else refused(kind, error)


def refused(kind: Kind, error: sqlite3.Error) -> StorageFull:
    """The answer to a request whose change or read met this error."""
    name = getattr(error, "sqlite_errorname", None)
    text = f"{SENTENCES[kind]}; nothing was changed. {WHAT_TO_DO[kind]}"
    return StorageFull(text, reason=kind.value, sqlite=name)


def at_start(path: Path, error: sqlite3.Error | OSError) -> StartError:
    """The fatal error of a start that met this one."""
    if isinstance(error, OSError):
        kind = Kind.FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else Kind.UNWRITABLE
    else:
        kind = kind_of(error)
        if kind is Kind.DISK and is_full(path.parent):
            # Where the index of the write-ahead log finds no room, SQLite calls that an I/O error.
            kind = Kind.FULL
    if kind is Kind.FULL:
        return StartError(
            "disk_full",
            f"The disk of {path.parent} is full; the database could not be written.",
            "Free some space there, then start again. Nothing was lost.",
        )
    if kind is Kind.LOCKED:
        return StartError(
            "data_dir_locked",
            f"Another program holds {path}.",
            "Close the program that has this file open (a database browser, a backup), then start again.",
        )
    if kind in (Kind.CORRUPT, Kind.OURS):
        return corrupt(path, str(error))
    return StartError(
        "data_dir_unwritable",
        f"{path} could not be opened for writing: {error}.",
        "Make the folder writable for you, or choose another with --data-dir or STEELYARD_DATA_DIR.",
    )


def is_full(folder: Path, least: int = NEXT_TO_NOTHING) -> bool:
    """Whether the disk of a folder has less than so many bytes left."""
    try:
        return shutil.disk_usage(folder).free < least
    except OSError:
        return False


def corrupt(path: Path, found: str) -> StartError:
    """The fatal error for a file that is no whole database of ours; it has not been touched."""
    copies = backups.known(path)
    then = f"puts back {copies[0].path.name}" if copies else "begins anew"
    anew = f" To begin anew instead, move {path.name} and its backups elsewhere." if copies else ""
    return StartError(
        "database_corrupt",
        f"{path} is not a usable Steelyard database: {found}. It was left as it is.",
        f"Run: steelyard doctor --repair --data-dir {shlex.quote(str(path.parent))} - it shows what is lost, "
        f"asks, sets the file aside and {then}; the tasks' folders with their results stay.{anew}",
    )
