"""Whether the database takes changes now: what a person is told while it does not, and when it does again."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from steelyard.rules.errors import StorageFull
from steelyard.store.faults import (
    AFTERWARDS,
    ROOM_TO_WORK,
    SENTENCES,
    WHAT_TO_DO,
    Kind,
    is_full,
    kind_of,
    refused,
    while_running,
)
from steelyard.store.opening import BUSY_SECONDS
from steelyard.store.records import WallClock

log = logging.getLogger(__name__)

_MEANWHILE = (
    "Running tasks go on and keep their results in their folders; nothing new is taken or started, "
    "and what ends is recorded once that is possible."
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the database takes no changes now."""

    kind: Kind
    since: float
    """Unix seconds."""

    @property
    def text(self) -> str:
        """For people: what is wrong, what to do, what goes on meanwhile."""
        return f"{SENTENCES[self.kind]}. {WHAT_TO_DO[self.kind]} {_MEANWHILE}"

    @property
    def over(self) -> str:
        """The beginning of what is told afterwards."""
        return AFTERWARDS[self.kind]


class Condition:
    """Of one open database: Database notes what changes meet, the supervisor what reads meet."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clocks: WallClock) -> None:
        self._connection = connection
        self._path = path
        self._clocks = clocks
        self._file = _file_at(path)
        self.trouble: Trouble | None = None
        """Why the last change was refused; None once one has gone through again. Damage stays."""

    def met(self, error: StorageFull | sqlite3.Error) -> None:
        """Note what a change or a read met. It is logged once: the log is on the same disk."""
        if isinstance(error, StorageFull):
            kind = Kind(error.detail.get("reason", Kind.DISK.value))
        else:
            kind = self._kind_of(error)
        known = self.trouble.kind if self.trouble is not None else None
        if kind is Kind.OURS or kind is known or known is Kind.CORRUPT:
            return
        self.trouble = Trouble(kind, self._clocks.wall())
        # Who has waited for a lock once shall not have every change wait for it: the loop waits with it.
        self._connection.execute("PRAGMA busy_timeout = 0")
        log.error("the database takes no changes: %s", error)

    def told(self, error: sqlite3.Error) -> Exception:
        """What a request is told that met this error."""
        kind = self._kind_of(error)
        return while_running(error) if kind is kind_of(error) else refused(kind, error)

    def _kind_of(self, error: sqlite3.Error) -> Kind:
        """What a failed disk hands out looks like damage, or cannot be opened; the file may be whole."""
        kind = kind_of(error)
        failed = self.trouble is not None and self.trouble.kind is Kind.DISK
        return Kind.DISK if failed and kind in (Kind.CORRUPT, Kind.UNWRITABLE) else kind

    def found_damage(self, found: str) -> None:
        """A check of the pages has found the database damaged while it is in use."""
        if self.trouble is None or self.trouble.kind is not Kind.CORRUPT:
            self.trouble = Trouble(Kind.CORRUPT, self._clocks.wall())
            log.error("the database is damaged: %s", found)

    @property
    def displaced(self) -> bool:
        """Whether the file that is open no longer lies at its path. SQLite would go on writing into it, and
        what was acknowledged would be nowhere at the next start.
        """
        return _file_at(self._path) != self._file

    def check_place(self) -> None:
        """StorageFull if the file was moved away or deleted."""
        if self.displaced:
            raise StorageFull(
                f"{SENTENCES[Kind.MOVED]}; nothing was changed. {WHAT_TO_DO[Kind.MOVED]}",
                reason=Kind.MOVED.value,
            )

    def has_room(self) -> bool:
        """Whether the disk has room for work; if not, that is trouble, though a small change may pass."""
        if not is_full(self._path.parent, ROOM_TO_WORK):
            return True
        self.met(StorageFull(f"{SENTENCES[Kind.FULL]}.", reason=Kind.FULL.value))
        return False

    def works(self) -> None:
        """A change has gone through. (On a full disk a small one finds a corner, the next one does not.)"""
        if self.trouble is None or self.trouble.kind is Kind.CORRUPT:
            return
        if self.trouble.kind is Kind.FULL and is_full(self._path.parent, ROOM_TO_WORK):
            return
        self.trouble = None
        self._connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        log.info("the database takes changes again")

    def try_again(self) -> None:
        """With trouble, try the smallest change there is; nothing is changed by it."""
        if self.trouble is None and self.displaced:
            # Nobody wants to change anything just now; whoever looks shall know all the same.
            self.met(StorageFull(SENTENCES[Kind.MOVED], reason=Kind.MOVED.value))
        if self.trouble is None or self.trouble.kind is Kind.CORRUPT:
            return
        execute = self._connection.execute
        try:
            self.check_place()
            version = execute("PRAGMA user_version").fetchone()[0]
            execute("BEGIN IMMEDIATE")
            execute(f"PRAGMA user_version = {version}")  # is written, though it is the same
            execute("COMMIT")
        except (StorageFull, sqlite3.Error) as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    execute("ROLLBACK")
            self.met(error)
        else:
            self.works()


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file that is: device and number; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
