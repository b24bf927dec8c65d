"""A call that may not take longer than it is given: for a user's regular expression, which may run for years.

The worker enters here, from its only thread. CPython's regular expressions look for signals while they match,
so a timer of CPU time ends them. Windows has no such timer: there the call is not limited (its input is
short).
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable


class TookTooLong(Exception):
    """The call was ended by its limit."""


_armed = [False]


def limited(seconds: float, call: Callable[[str], re.Match[str] | None], text: str) -> re.Match[str] | None:
    """call(text); TookTooLong after so many seconds of CPU time. Main thread only."""
    if sys.platform == "win32":
        return call(text)
    else:
        before = signal.signal(signal.SIGVTALRM, _interrupt)
        _armed[0] = True
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
            return call(text)
        finally:
            _armed[0] = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)


def _interrupt(number: int, frame: object) -> None:
    # A timer that fires in the last moment must not hit what comes after the call.
    if _armed[0]:
        raise TookTooLong
