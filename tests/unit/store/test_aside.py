"""Reads and work with files beside the loop: neither waits for the other, and both end with the database."""

from __future__ import annotations

import asyncio
import threading

import pytest

from steelyard.store.database import Database
from tests.unit.store.making import new, submit


async def test_a_read_does_not_wait_for_files_that_go(database: Database) -> None:
    submit(database, new())
    begun, goes_on = threading.Event(), threading.Event()

    def long_work() -> bool:
        begun.set()
        return goes_on.wait(30)

    working = asyncio.create_task(database.aside.run(long_work))
    try:
        assert await asyncio.to_thread(begun.wait, 30)
        count = database.aside.read(lambda reader: reader.execute("SELECT count(*) FROM task").fetchone()[0])
        assert await asyncio.wait_for(count, 20) == 1
        assert not working.done()
    finally:
        goes_on.set()
    assert await working


async def test_neither_runs_in_the_thread_of_the_loop(database: Database) -> None:
    here = threading.get_ident()
    reads = await database.aside.read(lambda reader: threading.get_ident())
    works = await database.aside.run(threading.get_ident)
    assert len({here, reads, works}) == 3
    assert reads == await database.aside.read(lambda reader: threading.get_ident())


async def test_what_runs_when_the_database_closes_is_told_and_waited_for(database: Database) -> None:
    begun, seen = threading.Event(), list[bool]()

    def work() -> None:
        begun.set()
        while not database.aside.closing:
            threading.Event().wait(0.005)
        seen.append(True)

    working = asyncio.create_task(database.aside.run(work))
    assert await asyncio.to_thread(begun.wait, 30)
    database.close()
    assert seen == [True]
    await working
    with pytest.raises(RuntimeError):
        await database.aside.run(threading.get_ident)
