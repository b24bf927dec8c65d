"""The largest programs: one look at a time, in a thread, and none while the last one is true enough."""

from __future__ import annotations

import asyncio
import threading

import pytest

from steelyard.supervisor.largest_programs import KEPT, MOST, LargestPrograms, Programs


class Looks:
    """A machine whose programs are counted by how often somebody looked."""

    def __init__(self) -> None:
        self.limits: list[int] = []
        self.threads: set[int] = set()
        self.may_end = threading.Event()
        self.may_end.set()
        self.fault: Exception | None = None
        self.now = 0.0
        self.programs = LargestPrograms(self.look, lambda: self.now)

    def look(self, limit: int) -> Programs:
        self.limits.append(limit)
        self.threads.add(threading.get_ident())
        assert self.may_end.wait(30)
        if self.fault is not None:
            raise self.fault
        return [("program", len(self.limits))]


async def test_many_who_ask_at_once_share_one_look_beside_the_loop() -> None:
    looks = Looks()
    looks.may_end.clear()
    asked = [asyncio.create_task(looks.programs.fresh()) for _ in range(20)]
    await asyncio.sleep(0)
    looks.programs.keep_fresh()
    assert looks.programs.seen == []
    looks.may_end.set()
    assert await asyncio.gather(*asked) == [[("program", 1)]] * 20
    assert looks.limits == [MOST]
    assert threading.get_ident() not in looks.threads


async def test_what_is_old_is_looked_up_again_and_told_until_then() -> None:
    looks = Looks()
    assert await looks.programs.fresh() == [("program", 1)]
    looks.now = KEPT - 1
    assert await looks.programs.fresh() == [("program", 1)]
    looks.now = KEPT
    looks.programs.keep_fresh()
    assert looks.programs.seen == [("program", 1)]
    assert await looks.programs.fresh() == [("program", 2)]


async def test_a_look_that_fails_is_told_in_the_log_and_costs_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = Looks()
    await looks.programs.fresh()
    looks.now, looks.fault = KEPT, OSError("no process table")
    assert await looks.programs.fresh() == [("program", 1)]
    assert "no process table" in caplog.text
    looks.now, looks.fault = 2 * KEPT, None
    assert await looks.programs.fresh() == [("program", 3)]


async def test_who_leaves_while_it_waits_takes_the_look_from_nobody() -> None:
    looks = Looks()
    looks.may_end.clear()
    leaves, stays = (asyncio.create_task(looks.programs.fresh()) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    looks.may_end.set()
    assert await stays == [("program", 1)]
