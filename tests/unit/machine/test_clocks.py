"""The clocks of this machine, and the ones that stand still."""

from __future__ import annotations

import time

from steelyard.machine.clocks import SystemClocks
from tests.fakes.clocks import FakeClocks


def test_the_real_ones() -> None:
    clocks = SystemClocks()
    before = clocks.awake(), clocks.monotonic()
    assert abs(clocks.wall() - time.time()) < 60
    assert clocks.awake() >= before[0] and clocks.monotonic() >= before[1]
    # Nobody sleeps during a test.
    assert 0 <= clocks.asleep() < 1


def test_sleep_is_told_from_a_step_of_the_wall_clock() -> None:
    clocks = FakeClocks()
    wall, awake = clocks.wall(), clocks.awake()
    clocks.advance(10)
    clocks.sleep(3600)
    clocks.step_wall(-500)
    assert clocks.wall() - wall == 10 + 3600 - 500
    assert clocks.awake() - awake == clocks.monotonic() - awake == 10
    assert clocks.asleep() == 3600
