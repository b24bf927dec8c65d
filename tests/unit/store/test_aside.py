"""Reads beside the loop: in a thread of their own, which ends with the database or is left behind."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from steelyard.store.database import Database
from tests.unit.store.making import new, opened, submit


async def test_it_reads_what_is_committed_and_not_in_the_thread_of_the_loop(database: Database) -> None:
    submit(database, new())
    count = database.aside.read(lambda reader: reader.execute("SELECT count(*) FROM task").fetchone()[0])
    assert await count == 1
    reads = await database.aside.read(lambda reader: threading.get_ident())
    assert reads != threading.get_ident()
    assert reads == await database.aside.read(lambda reader: threading.get_ident())


async def test_what_reads_when_the_database_closes_is_waited_for(database: Database) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    reading = asyncio.create_task(database.aside.read(lambda reader: begun.set() or goes_on.wait(30)))
    while not begun.is_set():
        await asyncio.sleep(0)
    threading.Timer(0.05, goes_on.set).start()
    database.close()
    assert await reading is True
    with pytest.raises(RuntimeError, match="no more work"):
        await database.aside.read(lambda reader: None)


async def test_what_hangs_does_not_keep_the_database_from_closing(path: Path) -> None:
    database, begun, over = opened(path), threading.Event(), threading.Event()
    reading = asyncio.ensure_future(database.aside.read(lambda reader: begun.set() or over.wait(60)))
    changing = asyncio.ensure_future(database.change_long(lambda change: over.wait(60)))
    try:
        while not begun.is_set():
            await asyncio.sleep(0)
        database.close(within=0.05)
        assert not (reading.done() or changing.done())
    finally:
        over.set()
        await asyncio.gather(reading, changing, return_exceptions=True)
