"""The loop of turns: it must end when it is cancelled, whatever happens in the same moment."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from steelyard.rules.timestamps import iso
from steelyard.supervisor import pausing, turn
from steelyard.supervisor.supervisor import Supervisor
from steelyard.supervisor.turn import BEAT, BEAT_WITH_TASKS, Turns
from tests.fakes.clocks import FakeClocks
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import GIB, Made
from tests.unit.supervisor.test_memory_guard import running, sent


class CountedTurns(Turns):
    """Turns that do nothing but count themselves."""

    def __init__(self, yard: Any) -> None:
        super().__init__(yard)
        self.count = 0

    async def _turn(self) -> None:
        self.count += 1
        self._worked = self.count != 1


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


async def test_a_step_that_fails_takes_no_other_along(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "look_at_battery", breaks)
    worker, task_id = await made.worker(), await made.submit(memory="1GiB")
    turns = Turns(made.yard)
    await turns._turn()
    assert not turns._worked
    assert worker.attempt is not None and worker.attempt.task_id == task_id


async def test_on_figures_that_are_old_nothing_starts(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _ = await made.worker(), await made.submit(memory="1GiB")
    turns = Turns(made.yard)
    with monkeypatch.context() as patched:
        patched.setattr(made.yard.scale, "_probe", breaks)
        await turns._turn()
        assert worker.attempt is None
    await turns._turn()
    assert worker.attempt is not None


async def test_it_leaves_where_nothing_could_be_weighed_for_a_minute_and_no_task_runs(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    probed: list[None] = []

    def probe() -> Any:
        probed.append(None)
        raise ValueError("a fault of ours")

    monkeypatch.setattr(turn, "BEAT", 0.001)
    monkeypatch.setattr(made.yard.scale, "_probe", probe)
    made.yard.lost = lost.append
    worker = await made.worker()
    await made.attempt(worker, await made.submit(memory="1GiB"))
    turns = Turns(made.yard)
    task = asyncio.create_task(turns.run())
    made.yard.hurry()
    await eventually_async(lambda: turns._steps._failing)
    made.clocks.advance(2 * turn.GIVE_UP)
    turned = len(probed)
    made.yard.hurry()
    await eventually_async(lambda: len(probed) > turned + 1)
    assert lost == [], "a task pays for nothing"
    worker.attempt = None
    await eventually_async(lambda: lost)
    assert lost[0] == "weighing the machine has failed for 1 min"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_while_a_long_change_holds_the_database_the_machine_is_guarded_at_the_beat(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that wants to claim waits until thousands of tasks are queued; memory does not."""
    begun, go_on, weighed = threading.Event(), threading.Event(), list[int]()
    probe = made.yard.scale._probe

    def noting() -> Any:
        made.clocks.advance(BEAT_WITH_TASKS)
        weighed.append(made.machine.available)
        return probe()

    def slow(change: Any) -> None:
        begun.set()
        assert go_on.wait(60)

    grows, _ = await running(made, 6, 300, claim=2 * GIB), await running(made, 1)
    idle = await made.worker()
    await made.submit(memory="1MiB")
    monkeypatch.setattr(turn, "BEAT_WITH_TASKS", 0.01)
    monkeypatch.setattr(made.yard.scale, "_probe", noting)
    long = asyncio.ensure_future(made.yard.database.change_long(slow))
    await asyncio.to_thread(begun.wait, 60)
    task = asyncio.create_task(Turns(made.yard).run())
    made.yard.hurry()
    try:
        await eventually_async(lambda: len(weighed) > 5)
        made.machine.available = GIB // 2
        await eventually_async(lambda: ("suspend", grows.task_id) in sent(made))
        assert not long.done() and idle.attempt is None
    finally:
        go_on.set()
        await long
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_end_of_all_turns_is_the_end_of_the_sidecar(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would answer pages, and start, guard and reap nothing."""
    lost: list[str] = []

    async def dies(self: Turns) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(Turns, "run", dies)
    supervisor = Supervisor(made.yard)
    supervisor.when_lost(lost.append)
    await supervisor.start()
    await eventually_async(lambda: lost)
    assert lost == ["the supervisor's turn has stopped: ValueError('a fault of ours')"]
    await made.yard.database.change(lambda change: None)
    notices = made.yard.database.execute("SELECT data FROM event WHERE kind = 'prompt'").fetchall()
    assert "met a fault of its own and stopped" in notices[-1]["data"]
    await supervisor.stop()


def breaks(*_: Any) -> Any:
    raise ValueError("a fault of ours")


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
