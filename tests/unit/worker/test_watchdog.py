"""The parent's watchdog looks every 2 s of awake time, at pid and identity."""

from __future__ import annotations

import os

from steelyard.machine import identity
from steelyard.worker.watchdog import INTERVAL, ParentWatch
from tests.fakes.clocks import FakeClocks


def test_a_living_parent() -> None:
    clocks = FakeClocks()
    watch = ParentWatch(os.getpid(), str(identity.identity_of(os.getpid())), clocks.awake())
    for _ in range(3):
        clocks.advance(INTERVAL)
        assert not watch.lost(clocks.awake())


def test_it_looks_only_when_due() -> None:
    clocks = FakeClocks()
    watch = ParentWatch(os.getpid(), "another-boot/1", clocks.awake())
    clocks.advance(INTERVAL - 0.1)
    clocks.sleep(3600)
    assert not watch.lost(clocks.awake())
    clocks.advance(0.1)
    assert watch.lost(clocks.awake())
    assert watch.is_gone()
