"""Clocks that move only when a test says so."""

from __future__ import annotations

from steelyard.machine.clocks import Clocks


class FakeClocks(Clocks):
    """Starts at 2026-01-15T10:30:00Z, awake, with monotonic and awake time at 1000 s."""

    def __init__(self, wall: float = 1768473000.0) -> None:
        self._wall = wall
        self._awake = 1000.0
        self._asleep = 0.0

    def advance(self, seconds: float) -> None:
        """Time passes and the machine is awake."""
        self._wall += seconds
        self._awake += seconds

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: the wall clock goes on, awake and monotonic time stand still (as on Linux)."""
        self._wall += seconds
        self._asleep += seconds

    def step_wall(self, seconds: float) -> None:
        """Someone sets the wall clock, forwards or back."""
        self._wall += seconds

    def wall(self) -> float:
        """Unix time, seconds."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds."""
        return self._awake

    def awake(self) -> float:
        """Seconds without sleep."""
        return self._awake

    def asleep(self) -> float:
        """Seconds of sleep so far."""
        return self._asleep
