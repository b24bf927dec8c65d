"""A change of thousands of rows: in a thread, with a connection and a transaction of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from steelyard.machine.beside import Threads
from steelyard.machine.faultpoints import reach
from steelyard.store import opening

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]


class UndoneBySqlite(Exception):
    """The transaction is gone though nobody rolled it back: so SQLite does when the disk is full or fails."""


class LongChanges:
    """They are made one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = Threads("long-change")
        self.one = asyncio.Lock()
        """Held by the one that is under way."""

    async def carry_out(self, write: Write[T], step: str) -> T:
        """What `write` returns, once all that it wrote is committed.

        Raises what `write` raised, UndoneBySqlite, sqlite3.Error; then nothing is changed. step: what it is
        called among the fault points, "" for nothing.
        """
        return await self._thread.run(lambda: _carry_out(self._path, write, step))

    def close(self, within: float) -> bool:
        """Let what is under way be committed, and begin nothing more. False if it was not committed within so
        many seconds: the end of the process undoes it.
        """
        return self._thread.close(lambda: None, within)


def _carry_out(path: Path, write: Write[T], step: str) -> T:
    with closing(_connected(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = write(connection)
            if not connection.in_transaction:
                raise UndoneBySqlite("a change hid that its transaction was undone")
            if step:
                reach(step, "before_commit")
            connection.execute("COMMIT")
        except Exception as error:
            if not connection.in_transaction:
                raise UndoneBySqlite(str(error)) from error
            with suppress(sqlite3.Error):  # the first error is the one to tell
                connection.execute("ROLLBACK")
            if isinstance(error, StopIteration):
                raise RuntimeError(f"a change raised {error!r}") from error  # a future cannot carry it
            raise
    if step:
        reach(step, "after_commit")
    return result


def _connected(path: Path) -> sqlite3.Connection:
    """A connection to the database that is in use: it makes none, and its log is there already."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=opening.BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for pragma in ("synchronous = FULL", "foreign_keys = ON", f"cache_size = -{opening.CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
