"""Work that waits for files, beside the event loop: in a thread that nobody has to wait for.

asyncio.to_thread() has few threads, and the program cannot end before each of them is done: one that hangs on
a network drive would keep all others waiting, and the sidecar from leaving.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T], within: float | None = None) -> T:
    """What `work` returns or raises, from a thread of its own. TimeoutError after so many seconds.

    Whoever no longer waits (a time limit, a cancellation) leaves the thread to itself: it goes on, and ends
    with the process at the latest.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T may itself be None

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except StopIteration as stop:
            error = RuntimeError(f"raised {stop!r}")  # a future cannot carry it
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="beside", daemon=True).start()
    async with asyncio.timeout(within):
        return await future
