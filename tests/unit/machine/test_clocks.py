"""The clocks of this machine, and the ones that stand still."""

from __future__ import annotations

import importlib.util
import sys
import time

import pytest

from steelyard.machine import clocks as module
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


def test_on_macos_a_slewed_clock_is_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    slewed, raw, up = time.CLOCK_MONOTONIC, 4, 8
    now = {slewed: 100.0, raw: 100.0, up: 100.0}
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(time, "CLOCK_MONOTONIC_RAW", raw, raising=False)
    monkeypatch.setattr(time, "CLOCK_UPTIME_RAW", up, raising=False)
    monkeypatch.setattr(time, "clock_gettime", now.__getitem__)
    spec = importlib.util.spec_from_file_location("clocks_of_macos", module.__file__)
    assert spec is not None and spec.loader is not None
    of_macos = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(of_macos)
    clocks = of_macos.SystemClocks()
    # A month awake, of which the time server took a minute.
    now.update({slewed: 2592160.0, raw: 2592100.0, up: 2592100.0})
    assert clocks.asleep() == 0
    now.update({slewed: 2595760.0, raw: 2595700.0})
    assert clocks.asleep() == 3600
