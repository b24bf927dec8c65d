"""Patient waiting: the only way in which a test may let time pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], *, within: float = 5.0, every: float = 0.01) -> T:
    """The first true value of probe(); AssertionError when `within` seconds have brought none."""
    deadline = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing true within {within} s; the last value was {value!r}")
        time.sleep(every)


async def eventually_async(probe: Callable[[], T | None], *, within: float = 5.0, every: float = 0.01) -> T:
    """As eventually(), while the event loop goes on."""
    deadline = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing true within {within} s; the last value was {value!r}")
        await asyncio.sleep(every)
