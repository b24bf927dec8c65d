"""The meter of the event loop: what it makes of holds, and that it stands around a real loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from types import FunctionType

import pytest

from steelyard.machine.loop_meter import BOUNDS, LOOK_EVERY, SLOW, LoopMeter, trunk


class Clock:
    """Seconds that a test moves; a power of two is told apart exactly."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def held(meter: LoopMeter, clock: Clock, seconds: float) -> None:
    meter.works()
    clock.now += seconds
    meter.waits()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock: Clock) -> LoopMeter:
    made = LoopMeter(clock, cpu=lambda: clock.now / 2)
    made.start()
    made.stop()
    made._measures = True  # without the thread, which would look at a made-up clock
    return made


def test_before_its_start_nothing_is_measured(clock: Clock) -> None:
    meter = LoopMeter(clock)
    held(meter, clock, 1.0)
    found = meter.read()
    assert (found.most_ever, found.slow, sum(found.counts), found.total) == (0.0, 0, 0, 0.0)
    assert found.p99 == BOUNDS[0]


def test_the_longest_of_the_last_minute_goes_and_that_of_all_stays(meter: LoopMeter, clock: Clock) -> None:
    held(meter, clock, 0.125)
    held(meter, clock, 0.03125)
    found = meter.read()
    assert found.most == found.most_ever == 0.125 and found.most_cpu == 0.0625
    assert found.total == 0.15625 and sum(found.counts) == 2 and found.slow == 0
    clock.now += 61
    found = meter.read()
    assert (found.most, found.most_cpu, found.most_ever) == (0.0, 0.0, 0.125)


def test_the_99th_percentile_counts_time_and_not_holds(meter: LoopMeter, clock: Clock) -> None:
    for _ in range(59):
        held(meter, clock, 0.0005)
        clock.now += 1
    held(meter, clock, 0.25)
    assert meter.read().p99 == BOUNDS[0]  # a quarter of a second in a minute: less than a hundredth
    for _ in range(4):
        held(meter, clock, 0.25)
        clock.now += 0.25
    assert meter.read().p99 == 0.25
    held(meter, clock, 8.0)
    assert meter.read().p99 == 8.0  # longer than every bound: as long as it was


def test_a_slow_hold_is_told_once_in_a_while(
    meter: LoopMeter, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        held(meter, clock, SLOW / 2)
        assert not caplog.records
        for _ in range(3):
            held(meter, clock, SLOW)
        clock.now += 10
        held(meter, clock, 0.5)
    first, second = [record.getMessage() for record in caplog.records]
    assert "250 ms (125 ms of them" in first and "more since" not in first
    assert "500 ms" in second and "2 more since" in second
    assert meter.read().slow == 4


def test_what_most_looks_have_in_common_is_named() -> None:
    assert trunk([]) == ""
    assert trunk([("a", "b")]) == "a > b"
    assert trunk([("a", "b", "c"), ("a", "b", "d"), ("a", "b", "c")]) == "a > b > c"


def test_a_real_loop_is_measured_and_what_keeps_it_is_named(caplog: pytest.LogCaptureFixture) -> None:
    meter = LoopMeter()
    ours = FunctionType(_busy.__code__, {"__name__": "steelyard.supervisor.dispatch", "time": time})

    async def work() -> None:
        meter.start()
        await asyncio.sleep(0)
        ours(time.monotonic() + max(SLOW, 5 * LOOK_EVERY))
        await asyncio.sleep(0.01)
        meter.stop()

    with asyncio.Runner(loop_factory=meter.new_loop) as runner, caplog.at_level(logging.WARNING):
        runner.run(work())
    found = meter.read()
    assert found.most >= SLOW and found.slow >= 1 and sum(found.counts) >= 2
    assert 0 < found.most_cpu <= found.most * 1.1
    assert "supervisor.dispatch._busy" in caplog.text
    assert not any(thread.name == "loop meter" for thread in threading.enumerate())


def test_a_loop_that_waits_is_not_busy() -> None:
    meter = LoopMeter()

    async def idle() -> None:
        meter.start()
        await asyncio.sleep(0.3)
        meter.stop()

    with asyncio.Runner(loop_factory=meter.new_loop) as runner:
        runner.run(idle())
    assert meter.read().total < 0.2


def _busy(until: float) -> None:
    while time.monotonic() < until:
        pass
