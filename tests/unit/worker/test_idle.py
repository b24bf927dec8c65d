"""How long a warm process waits: the agent's own turn, clocks that a test moves, a host without a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from steelyard.worker.agent import Agent
from steelyard.worker.host import IDLE
from tests.fakes.clocks import FakeClocks


class Host:
    """An idle host as the agent sees it."""

    pid, runs, retired = 2**22 - 1, 3, 0

    def __init__(self, cold_at: float) -> None:
        self.cold_at = cold_at

    def retire(self) -> bytes:
        """Counted."""
        self.retired += 1
        return b""


class Loop:
    """An agent that was not greeted, with such a host, and what it says."""

    def __init__(self) -> None:
        self.clocks = FakeClocks()
        reader, self.to_agent = os.pipe()
        self.from_agent, writer = os.pipe()
        os.set_blocking(self.from_agent, False)
        self.agent = Agent(self.clocks, reader, writer)
        self.host = Host(self.clocks.awake() + IDLE)
        self.agent._warm = self.host  # type: ignore[assignment]

    def turn(self) -> bool:
        """One turn; whether the host is still there."""
        self.agent._turn()
        return self.agent._warm is not None

    def close(self) -> None:
        """Everything that was opened."""
        self.agent._waiter.close()
        os.close(self.to_agent)
        os.close(self.from_agent)


@pytest.fixture
def loop() -> Iterator[Loop]:
    before = signal.getsignal(signal.SIGCHLD)
    made = Loop()
    yield made
    made.close()
    signal.signal(signal.SIGCHLD, before)


def test_a_warm_process_waits_a_minute(loop: Loop) -> None:
    loop.clocks.advance(IDLE - 0.5)
    assert loop.turn() and loop.agent._until_due() == pytest.approx(0.5)
    loop.clocks.advance(0.5)
    assert not loop.turn() and loop.host.retired == 1
    assert os.read(loop.from_agent, 1000) == b'{"type":"heartbeat","warm":false}\n'
    assert not loop.turn() and loop.host.retired == 1


def test_sleep_is_no_waiting(loop: Loop) -> None:
    loop.clocks.advance(1)
    loop.clocks.sleep(9 * 3600)
    assert loop.turn() and loop.host.retired == 0
