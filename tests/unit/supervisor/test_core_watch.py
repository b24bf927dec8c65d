"""supervisor.core_watch: the remark on a task that uses more cores than it claims."""

from __future__ import annotations

from steelyard.store import tasks
from steelyard.supervisor import core_watch
from steelyard.supervisor.turn import Turns
from tests.unit.supervisor.making import Made


async def test_more_cores_than_claimed_are_a_remark_on_the_attempt(made: Made) -> None:
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit())
    remarks = []
    for _ in range(130):
        made.clocks.advance(1)
        attempt.cpu_seconds += 2
        core_watch.look(made.yard)
        await made.yard.database.change(lambda change: None)
        found = tasks.view(made.yard.database, attempt.task_id)
        assert found is not None
        remarks.append(found["attempts"][0]["remarks"])
    assert remarks[58] == []
    [said] = remarks[-1]
    assert said.startswith("It uses 2.0 cores and claims 1,")


async def test_what_stands_still_uses_none(made: Made) -> None:
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit())
    made.clocks.advance(59)
    attempt.cpu_seconds = 80
    attempt.suspended_since = made.clocks.awake()
    made.clocks.advance(500)
    core_watch.look(made.yard)
    assert not attempt.core_use.told and attempt.core_use.began == 0


async def test_each_turn_looks(made: Made) -> None:
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit())
    made.clocks.advance(61)
    attempt.cpu_seconds, handle.heartbeat = 240, made.clocks.awake()
    await Turns(made.yard)._turn()
    assert attempt.core_use.told
