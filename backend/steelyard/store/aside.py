"""Reads and work with files that take their time, in two threads: one with a connection that only reads.

What it sees is committed: whoever was told of a change finds it here. SQLite lets go of the interpreter while
it searches, so the loop goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from peewee import Query

from steelyard.store.records import rows_of

log = logging.getLogger(__name__)
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
    """Two threads, so that no read waits for files; they and the connection are made when first needed."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="aside-reads")
        self._working = ThreadPoolExecutor(1, thread_name_prefix="aside-files")
        self._connection: sqlite3.Connection | None = None
        self.closing = False
        """True once close() was called: what runs in a thread for long looks, and gives up."""

    async def read(self, work: Callable[[AsideReader], T]) -> T:
        """What `work` makes of the database, one after the other in the thread that reads. sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, lambda: work(self._reader()))

    async def run(self, work: Callable[[], T]) -> T:
        """Something else that takes its time with files: a copy, folders that go; one after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._working, work)

    def later(self, work: Callable[[], None]) -> None:
        """Such work that nobody waits for; what it raises is logged."""
        self._working.submit(work).add_done_callback(_log_fault)

    def close(self) -> None:
        """Let what runs end, start nothing more, and close the connection."""
        self.closing = True
        self._reading.submit(self._close_connection)
        for threads in (self._reading, self._working):
            threads.shutdown(wait=True, cancel_futures=False)

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


def _log_fault(done: Future[None]) -> None:
    error = done.exception()
    if error is not None:
        log.error("work beside the loop failed", exc_info=error)
