"""The loop of turns: it must end when it is cancelled, whatever happens in the same moment."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from steelyard.supervisor.turn import Turns
from tests.fakes.clocks import FakeClocks


class CountedTurns(Turns):
    """Turns that do nothing but count themselves."""

    def __init__(self, yard: Any) -> None:
        super().__init__(yard)
        self.count = 0

    async def _turn(self) -> None:
        self.count += 1


def a_yard() -> Any:
    database = SimpleNamespace(condition=SimpleNamespace(trouble=None))
    return SimpleNamespace(clocks=FakeClocks(), database=database, handles={}, wake=asyncio.Event())


async def test_a_cancellation_in_the_moment_of_a_wake_up_is_not_lost() -> None:
    """asyncio.wait_for() of Python 3.11 loses it:

    the sidecar then never stopped after the last worker had ended.
    """
    for _ in range(50):
        yard = a_yard()
        turns = CountedTurns(yard)
        task = asyncio.create_task(turns.run())
        await asyncio.sleep(0)
        yard.wake.set()
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait((task,), timeout=5)
        assert done and task.cancelled()


async def test_a_wake_up_brings_a_turn_at_once_and_a_failed_one_is_not_the_last() -> None:
    yard = a_yard()
    turns = CountedTurns(yard)
    task = asyncio.create_task(turns.run())
    for expected in (1, 2):
        yard.wake.set()
        async with asyncio.timeout(5):
            while turns.count < expected:
                await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
