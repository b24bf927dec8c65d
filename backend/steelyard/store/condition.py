"""Whether the database takes changes now: what a person is told while it does not, and when it does again."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from steelyard.rules.errors import StorageFull
from steelyard.store.faults import AFTERWARDS, SENTENCES, Kind, is_full, kind_of
from steelyard.store.opening import BUSY_SECONDS
from steelyard.store.records import WallClock

log = logging.getLogger(__name__)

_WHAT_TO_DO = {
    Kind.FULL: "Free some space on it.",
    Kind.LOCKED: "Close the program that has steelyard.db open (a database browser, a backup).",
    Kind.UNWRITABLE: "Make steelyard.db in the data directory writable again, or put it back.",
    Kind.CORRUPT: "Let the running tasks end, stop Steelyard, and run: steelyard doctor --repair",
    Kind.DISK: "Look after that disk.",
}
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
        return f"{SENTENCES[self.kind]}. {_WHAT_TO_DO[self.kind]} {_MEANWHILE}"

    @property
    def over(self) -> str:
        """The beginning of what is told afterwards."""
        return AFTERWARDS[self.kind]


class Condition:
    """Of one open database: Database notes what changes meet, the supervisor what reads meet."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, clocks: WallClock) -> None:
        self._connection = connection
        self._folder = folder
        self._clocks = clocks
        self.trouble: Trouble | None = None
        """Why the last change was refused; None once one has gone through again. Damage stays."""

    def met(self, error: StorageFull | sqlite3.Error) -> None:
        """Note what a change or a read met. It is logged once: the log is on the same disk."""
        if isinstance(error, StorageFull):
            kind = Kind(error.detail.get("reason", Kind.DISK.value))
        else:
            kind = kind_of(error)
        known = self.trouble.kind if self.trouble is not None else None
        if kind is Kind.OURS or kind is known or known is Kind.CORRUPT:
            return
        self.trouble = Trouble(kind, self._clocks.wall())
        # Who has waited for a lock once shall not have every change wait for it: the loop waits with it.
        self._connection.execute("PRAGMA busy_timeout = 0")
        log.error("the database takes no changes: %s", error)

    def found_damage(self, found: str) -> None:
        """A check of the pages has found the database damaged while it is in use."""
        if self.trouble is None or self.trouble.kind is not Kind.CORRUPT:
            self.trouble = Trouble(Kind.CORRUPT, self._clocks.wall())
            log.error("the database is damaged: %s", found)

    def works(self) -> None:
        """A change has gone through."""
        if self.trouble is None or self.trouble.kind is Kind.CORRUPT:
            return
        self.trouble = None
        self._connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        log.info("the database takes changes again")

    def try_again(self) -> None:
        """With trouble, try the smallest change there is; nothing is changed by it."""
        if self.trouble is None or self.trouble.kind is Kind.CORRUPT:
            return
        if self.trouble.kind is Kind.FULL and is_full(self._folder):
            return  # a small write may still find a corner, the next one would not
        execute = self._connection.execute
        try:
            version = execute("PRAGMA user_version").fetchone()[0]
            execute("BEGIN IMMEDIATE")
            execute(f"PRAGMA user_version = {version}")  # is written, though it is the same
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    execute("ROLLBACK")
            self.met(error)
        else:
            self.works()
