"""The one connection and the one way to change anything: group commit, a SAVEPOINT a change, and its events.

All changes that are asked for in one turn of the event loop share one transaction, so one fsync. Nobody is
answered before the commit; a change that fails is undone alone and answers only whoever asked for it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import CoroutineType
from typing import Any, TypeVar

from peewee import Query, SqliteDatabase

from steelyard.rules.errors import ShuttingDown, StorageFull
from steelyard.store import backups, faults, opening
from steelyard.store.aside import Aside
from steelyard.store.asked import Asked, reach_all
from steelyard.store.condition import Condition
from steelyard.store.events import Event
from steelyard.store.long_change import LongChanges, UndoneBySqlite
from steelyard.store.migrations import MIGRATIONS, Migration
from steelyard.store.records import WallClock, rows_of, to_json
from steelyard.store.tables import SCHEMA_VERSION

T = TypeVar("T")
log = logging.getLogger(__name__)

CLOSE_WITHIN = 10.0
"""Seconds that close() waits for each of its threads where nobody says how long."""

TOLD_AT_ONCE = 50
"""Events of a long change that are told at one go; each goes to every client."""

_APPEND_EVENT = "INSERT INTO event(at, kind, subject, data) VALUES (?, ?, ?, ?)"


class Change:
    """The hand that a change writes with: valid until the function it was given to returns."""

    def __init__(self, connection: sqlite3.Connection, now: float, events: list[Event]) -> None:
        self.execute = connection.execute
        """One statement; its rows are sqlite3.Row."""
        self.executemany = connection.executemany
        """One statement, many rows."""
        self.now = now
        """Unix seconds at the start of the transaction: what its events are stamped with."""
        self._events = events

    def event(self, kind: str, subject: str, data: Mapping[str, Any]) -> int:
        """Append to the event log; its seq. Listeners hear of it once it is committed."""
        text = to_json(data)
        cursor = self.execute(_APPEND_EVENT, (self.now, kind, subject, text))
        seq = cursor.lastrowid
        assert seq is not None
        self._events.append(Event(seq, self.now, kind, subject, text))
        return seq


class Database:
    """Made by open(); belongs to one thread, that of the event loop."""

    def __init__(
        self, path: Path, orm: SqliteDatabase, connection: sqlite3.Connection, clocks: WallClock
    ) -> None:
        self.execute = connection.execute
        """One statement that reads, outside any change."""
        self.on_commit: list[Callable[[list[Event]], None]] = []
        """Called with the events of each transaction, after its COMMIT and before anybody is answered."""
        self._orm = orm
        self._connection = connection
        self._clocks = clocks
        self._asked: list[Asked[Any]] = []
        self._writing = False
        self._held = False
        """True while a long change is under way: the others wait."""
        self._long = LongChanges(path)
        self._closed = False
        self.aside = Aside(path, opening.BUSY_SECONDS)
        """For reads that take their time."""
        self._path = path
        self.condition = Condition(connection, path, clocks)
        """Whether it takes changes now, and if not, why."""

    @classmethod
    def open(
        cls,
        path: Path,
        clocks: WallClock,
        phase: Callable[[str, str], None],
        *,
        migrations: Mapping[int, Migration] = MIGRATIONS,
        target: int = SCHEMA_VERSION,
    ) -> Database:
        """Open the file, making or migrating its tables; it is then private (0600) and of schema `target`.

        StartError: database_corrupt (the file is untouched), migration_failed, disk_full,
        data_dir_unwritable, data_dir_locked (another program holds the file).
        """
        phase("opening", path.name)
        opening.inspect(path, phase)
        orm, connection = opening.connect(path)
        try:
            opening.migrate(path, orm, connection, phase, migrations=migrations, target=target)
        except BaseException:
            orm.close()
            raise
        return cls(path, orm, connection, clocks)

    def change(self, apply: Callable[[Change], T], step: str = "") -> asyncio.Future[T]:
        """Have `apply` run, plain and synchronous, in the transaction of this turn of the loop.

        The future resolves after the commit. It carries what `apply` raised (only this change is undone), or
        StorageFull (then nothing of it happened). `apply` changes nothing but through its Change: when SQLite
        had to undo the whole transaction, it runs once more. If the future is cancelled before its turn, it
        does not run at all. ShuttingDown after close(); RuntimeError without a running loop. step: what it is
        called among the fault points.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ShuttingDown("Steelyard is shutting down; nothing was changed.")
        future: asyncio.Future[T] = loop.create_future()
        self._asked.append(Asked(apply, step, future))
        if len(self._asked) == 1:
            loop.call_soon(self._flush)
        return future

    async def change_long(self, apply: Callable[[Change], T], step: str = "") -> T:
        """As change(), for thousands of rows: in a thread and a transaction of its own; `apply` runs once.

        Whoever reads meanwhile sees nothing of it; changes that are asked for meanwhile wait for its end. It
        goes on if whoever asked for it has gone.
        """
        if self._closed:
            raise ShuttingDown("Steelyard is shutting down; nothing was changed.")
        return await asyncio.shield(asyncio.create_task(self._carry_out(apply, step)))

    def change_now(self, apply: Callable[[Change], T], step: str = "") -> T:
        """Run `apply` in a transaction of its own at once: for the start, before the loop turns."""
        if self._closed:
            raise ShuttingDown("Steelyard is shutting down; nothing was changed.")
        asked: Asked[T] = Asked(apply, step, None)
        self._transact([asked])
        if asked.error is not None:
            raise asked.error
        return asked.result  # type: ignore[return-value]  # T may itself be None

    def rows(self, query: Query) -> list[sqlite3.Row]:
        """Every row of a peewee query that reads."""
        return rows_of(self, query)

    def shrink(self) -> None:
        """Free what SQLite keeps in memory for next time."""
        self.execute("PRAGMA shrink_memory")

    def size(self) -> int:
        """Bytes of the file, without its log; 0 if it is gone."""
        return self._path.stat().st_size if self._path.exists() else 0

    def integrity_check(self) -> list[str]:
        """What SQLite finds wrong in the whole file, in its own words; empty when sound. Takes its time."""
        found = [str(row[0]) for row in self.execute("PRAGMA integrity_check").fetchall()]
        orphans = self.execute("PRAGMA foreign_key_check").fetchall()
        return [line for line in found if line != "ok"] + [
            f"row {row[1]} of {row[0]} lacks its {row[2]}" for row in orphans
        ]

    def close(self, within: float = CLOSE_WITHIN) -> None:
        """Commit what was still asked for, fold the write-ahead log into the file, and let go of it.

        within: seconds that a long change and a long read may still take. A long change that takes longer is
        undone by the end of the process, and what was asked for after it is not made.
        """
        if self._closed:
            return
        if self._long.close(within):
            self._held = False
            self._flush()
        else:
            log.error(
                "a change of thousands of rows was not done in time: it is undone, as if never asked for"
            )
        self._closed = True
        if not self.aside.close(within):
            log.warning("a search of the database goes on until the end of the process")
        if self.condition.displaced and not self._path.exists():
            log.warning("the database was deleted while it was in use; it is written anew")
            with suppress(sqlite3.Error, OSError):  # it was told that it is gone; there is no more to do
                backups.copy_to(self._connection, self._path)
        with suppress(sqlite3.Error):  # a log that stays behind is read at the next start; nothing is lost
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._orm.close()

    def _flush(self) -> None:
        """Carry out what was asked for so far; what is asked for meanwhile belongs to the next flush."""
        if self._held:
            return
        everything, self._asked = self._asked, []
        batch = [asked for asked in everything if asked.future is not None and not asked.future.done()]
        if not batch:
            return
        try:
            self._transact(batch)
        finally:
            for asked in batch:
                asked.answer()

    async def _carry_out(self, apply: Callable[[Change], T], step: str) -> T:
        async with self._long.one:
            events, now, self._held = list[Event](), self._clocks.wall(), True
            try:
                self.condition.check_place()
                result = await self._long.carry_out(lambda own: apply(Change(own, now, events)), step)
                self.condition.works()
                for start in range(0, len(events), TOLD_AT_ONCE):
                    self._tell(events[start : start + TOLD_AT_ONCE])
                    await asyncio.sleep(0)
                return result
            except Exception as error:
                told = self._told(error)
                if isinstance(told, StorageFull):
                    self.condition.met(told)
                raise told from error
            finally:
                self._held = False
                self._flush()

    def _transact(self, batch: list[Asked[Any]]) -> None:
        """One transaction for all of `batch`; outcome or error of each is left in it."""
        if self._writing:
            raise RuntimeError("inside a change no other can be made at once; write with the one at hand")
        self._writing = True
        events: list[Event] = []
        told: list[Event] = []
        again: list[Asked[Any]] = []
        try:
            self.condition.check_place()
            self.execute("BEGIN IMMEDIATE")
            now = self._clocks.wall()
            for asked in batch:
                self._apply(asked, now, events)
            reach_all(batch, "before_commit")
            self.execute("COMMIT")
            reach_all(batch, "after_commit")
            self.condition.works()
        except UndoneBySqlite as error:
            self._undo(batch, self._told(error))
            again = batch if len(batch) > 1 else []
        except StorageFull as error:
            self._undo(batch, error)
        except sqlite3.Error as error:
            self._undo(batch, self._told(error))
            if len(batch) > 1 and faults.kind_of(error) is faults.Kind.FULL:
                again = batch
        except BaseException:
            # Ctrl-C, or the interpreter on its way out.
            self._undo(batch, ShuttingDown("Steelyard was interrupted; nothing was changed."))
            raise
        else:
            told = events
        finally:
            self._writing = False
        if told:
            self._tell(told)
        for asked in again:
            # One that was too large for the disk shall not take the others with it: each alone, once more.
            asked.error = None
            self._transact([asked])

    def _apply(self, asked: Asked[Any], now: float, events: list[Event]) -> None:
        """One change in its SAVEPOINT. Raises only what ends the whole transaction."""
        mark = len(events)
        self.execute("SAVEPOINT change")
        try:
            asked.result = asked.apply(Change(self._connection, now, events))
            if isinstance(asked.result, CoroutineType):
                asked.result.close()
                raise TypeError("a change is plain and synchronous: it may not await")
            if not self._connection.in_transaction:
                raise UndoneBySqlite("a change hid that its transaction was undone")
        except Exception as error:
            if not self._connection.in_transaction:
                raise UndoneBySqlite(str(error)) from error
            del events[mark:]
            asked.result = None
            asked.error = self._told(error)
            self.execute("ROLLBACK TO change")
        self.execute("RELEASE change")

    def _undo(self, batch: list[Asked[Any]], told: Exception) -> None:
        """Nothing of the transaction happened: whoever has no error of their own is told of this one."""
        if isinstance(told, StorageFull):
            self.condition.met(told)
        else:
            log.error("a transaction of %d changes was not committed: %s", len(batch), told)
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the first error is the one to tell
                self.execute("ROLLBACK")
        for asked in batch:
            asked.error, asked.result = asked.error or told, None

    def _told(self, error: Exception) -> Exception:
        """What whoever asked for a change is told of an error in it."""
        if isinstance(error, UndoneBySqlite):
            cause = error.__cause__
            if isinstance(cause, sqlite3.Error) and faults.kind_of(cause) is not faults.Kind.OURS:
                return self.condition.told(cause)
            return StorageFull("The disk refused a write; nothing was changed.", reason="disk")
        if isinstance(error, sqlite3.Error):
            return self.condition.told(error)
        if isinstance(error, StopIteration):
            # A future cannot carry it.
            return RuntimeError(f"a change raised {error!r}")
        return error

    def _tell(self, events: list[Event]) -> None:
        for listener in tuple(self.on_commit):
            try:
                listener(events)
            except Exception:
                # The change stands, and whoever asked for it must hear so: a listener cannot take that back.
                log.exception("a listener of committed events failed")
