"""Reads that take their time, in a thread with a connection that only reads.

What it sees is committed: whoever was told of a change finds it here. SQLite lets go of the interpreter while
it searches, so the loop goes on meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from peewee import Query

from steelyard.machine.beside import Threads
from steelyard.store.records import rows_of

T = TypeVar("T")

CACHE_KIB = 2 * 1024
"""Page cache of the connection; counts into the sidecar's memory."""


class AsideReader:
    """What is read from in that thread, as from the Database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        """One statement that reads; its rows are sqlite3.Row."""

    def rows(self, query: Query) -> list[sqlite3.Row]:
        """Every row of a peewee query."""
        return rows_of(self, query)


class Aside:
    """The thread and its connection; they are made when first needed."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._reading = Threads("aside-reads")
        self._connection: sqlite3.Connection | None = None

    async def read(self, work: Callable[[AsideReader], T]) -> T:
        """What `work` makes of the database, one after the other in the thread that reads. sqlite3.Error."""
        return await self._reading.run(lambda: work(self._reader()))

    def close(self, within: float) -> bool:
        """Let what runs end, and close the connection. False if that took longer than so many seconds."""
        return self._reading.close(self._close_connection, within)

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _reader(self) -> AsideReader:
        if self._connection is None:
            connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=self._busy_seconds,
                isolation_level=None,
            )
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connection = connection
        return AsideReader(self._connection)
