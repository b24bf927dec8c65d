"""A regular expression that may not run for ever."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Iterator

import pytest

from steelyard.machine.interruption import TICK, TookTooLong, limited, limited_by

FOR_YEARS = re.compile(r"(a+)+$").search, "a" * 60 + "!"


def test_what_is_quick_is_let_be() -> None:
    before = signal.getsignal(TICK)
    found = limited(1.0, re.compile("b").search, "abc")
    assert found is not None and found.start() == 1
    assert signal.getsignal(TICK) == before


def test_what_takes_years_is_ended() -> None:
    before = signal.getsignal(TICK)
    for _ in range(3):
        with pytest.raises(TookTooLong):
            limited(0.05, *FOR_YEARS)
    assert signal.getsignal(TICK) == before
    assert limited(1.0, re.compile("b").search, "abc") is not None


if sys.platform != "win32":

    def test_the_timer_is_taken_down() -> None:
        limited(1.0, re.compile("b").search, "abc")
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
        with pytest.raises(TookTooLong):
            limited(0.05, *FOR_YEARS)
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)

    @contextlib.contextmanager
    def by_the_clock(seconds: float) -> Iterator[None]:
        """As Windows' timer queue: it ticks whether or not the process has the processor."""
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 4)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def test_a_timer_that_knows_no_cpu_time_ends_what_takes_years() -> None:
        with pytest.raises(TookTooLong):
            limited_by(signal.SIGALRM, by_the_clock, 0.05, *FOR_YEARS)

    def test_a_timer_that_knows_no_cpu_time_ends_nothing_that_waits() -> None:
        def wait_for_ticks(text: str) -> re.Match[str] | None:
            for _ in range(8):
                signal.pause()
            return re.match(text, text)

        assert limited_by(signal.SIGALRM, by_the_clock, 0.05, wait_for_ticks, "a") is not None
