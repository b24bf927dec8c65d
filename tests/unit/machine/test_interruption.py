"""A regular expression that may not run for ever."""

from __future__ import annotations

import re
import signal

import pytest

from steelyard.machine.interruption import TookTooLong, limited


def test_what_is_quick_is_let_be() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    found = limited(1.0, re.compile("b").search, "abc")
    assert found is not None and found.start() == 1
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_what_takes_years_is_ended() -> None:
    with pytest.raises(TookTooLong):
        limited(0.05, re.compile(r"(a+)+$").search, "a" * 60 + "!")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
