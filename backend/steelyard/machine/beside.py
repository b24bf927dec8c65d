"""Work beside the event loop, in threads that nobody has to wait for. Three kinds of work, three rooms:

- what may wait for a disk: `beside()`, a thread of its own each time. One that hangs on a network drive that
  is gone keeps no other work waiting (answering.py keeps such threads few);
- arithmetic, which takes long and always ends: `compute()`, a few threads that are kept. More of them would
  only take the interpreter from each other and from the loop;
- a database connection, which belongs to one thread: a Threads of one.

All are daemons. asyncio.to_thread() and ThreadPoolExecutor are used nowhere: the interpreter waits at its end
for each of their threads, and a thread that waits for such a disk never ends.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

COMPUTING = 4
"""Threads that compute. They take turns with the interpreter, so more would finish nothing sooner."""


async def beside(work: Callable[[], T], within: float | None = None) -> T:
    """What `work` returns or raises, from a thread of its own. TimeoutError after so many seconds.

    Whoever no longer waits (a time limit, a cancellation) leaves the thread to itself: it goes on, and ends
    with the process at the latest.
    """
    call = _Call(work)
    threading.Thread(target=call.carry_out, name="beside", daemon=True).start()
    async with asyncio.timeout(within):
        return await call.future


async def compute(work: Callable[[], T]) -> T:
    """What `work` returns or raises: arithmetic, and nothing that waits for anything."""
    return await _computing.run(work)


class Threads:
    """Up to `most` threads that take what is asked for in its order; they are started when first needed."""

    def __init__(self, name: str, most: int = 1) -> None:
        self._name = name
        self._most = most
        self._started: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. It is left out if whoever asked has gone before its turn."""
        call = _Call(work)
        self._ask(call.carry_out)
        return await call.future

    def close(self, last: Callable[[], None], within: float) -> bool:
        """Carry out what was asked for and then `last`; False if that took longer than so many seconds."""
        if self._started:
            self._ask(last)
        self._closed = True
        for _ in self._started:
            self._waiting.put(None)
        for thread in self._started:
            thread.join(within)
        return not any(thread.is_alive() for thread in self._started)

    def _ask(self, work: Callable[[], None]) -> None:
        if self._closed:
            raise RuntimeError(f"{self._name} takes no more work")
        self._waiting.put(work)
        if not self._idle.acquire(blocking=False) and len(self._started) < self._most:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._started.append(thread)
            thread.start()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("%s met a fault of ours", self._name)
            del work  # what it holds may be large, and the next may be long in coming
            self._idle.release()


class _Call(Generic[T]):
    """Work, and the future of whoever waits for it on the running loop."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def carry_out(self) -> None:
        """In a thread."""
        work, self._work = self._work, None
        if work is None or self.future.done():
            return
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except StopIteration as stop:
            error = RuntimeError(f"raised {stop!r}")  # a future cannot carry it
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: T | None, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]  # T may itself be None


_computing = Threads("computing", COMPUTING)
