"""The loop of turns: it must end when it is cancelled, whatever happens in the same moment."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.supervisor.turn import BEAT, BEAT_WITH_TASKS, Turns
from tests.fakes.clocks import FakeClocks
from tests.unit.supervisor.making import Made


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


async def test_the_next_turn_comes_when_a_task_is_due(made: Made) -> None:
    turns = Turns(made.yard)
    assert turns._until_next() == BEAT
    await made.submit(not_before=iso(made.clocks.wall() + 30.0))
    assert turns._until_next() == BEAT
    await made.submit(not_before=iso(made.clocks.wall() + 0.75))
    assert round(turns._until_next(), 3) == 0.75
    made.clocks.advance(0.6)
    assert round(turns._until_next(), 3) == 0.15
    made.clocks.advance(0.15)
    # Nobody took it, so nobody may: looking for it without a pause would be of no use.
    assert turns._until_next() == BEAT
    handle = await made.worker()
    await made.attempt(handle, await made.submit())
    assert turns._until_next() == BEAT_WITH_TASKS
