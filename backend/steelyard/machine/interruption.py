"""A call that may not take longer than it is given: for a user's regular expression, which may run for years.

The worker enters here, from its only thread. CPython's regular expressions look for signals while they match,
so a timer that raises one again and again ends them: a timer of CPU time, on Windows one of the system's
timer queue, whose thread raises the signal by itself (the expression holds Python's lock).
"""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator


class TookTooLong(Exception):
    """The call was ended by its limit."""


Ticking = Callable[[float], contextlib.AbstractContextManager[None]]
"""Raises a signal after so many seconds, and again after part of them, until it is left."""

_ends: list[float] = []


def limited(seconds: float, call: Callable[[str], re.Match[str] | None], text: str) -> re.Match[str] | None:
    """call(text); TookTooLong after so many seconds of CPU time. Main thread only."""
    return limited_by(TICK, ticking, seconds, call, text)


def limited_by(
    tick: int,
    ticks: Ticking,
    seconds: float,
    call: Callable[[str], re.Match[str] | None],
    text: str,
) -> re.Match[str] | None:
    """limited(), with the signal and the timer that raises it."""
    before = signal.signal(tick, _look)
    _ends.append(time.thread_time() + seconds)
    try:
        with ticks(seconds):
            return call(text)
    finally:
        _ends.clear()
        signal.signal(tick, before)


def _look(number: int, frame: object) -> None:
    # A tick in the last moment must not hit what comes after the call, and time that passes while others
    # have the processor, or the computer sleeps, is not the expression's.
    if _ends and time.thread_time() >= _ends[0]:
        _ends.clear()
        raise TookTooLong


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    TICK = signal.SIGBREAK
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateTimerQueueTimer.argtypes = (
        ctypes.POINTER(wintypes.HANDLE),
        wintypes.HANDLE,
        ctypes.c_void_p,
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.ULONG,
    )
    _kernel32.DeleteTimerQueueTimer.argtypes = (wintypes.HANDLE, wintypes.HANDLE, wintypes.HANDLE)
    # C's own raise(), of the library that Python uses: a callback in Python would wait for the lock.
    _raise = ctypes.cast(getattr(ctypes.CDLL("ucrtbase"), "raise"), ctypes.c_void_p)
    _UNTIL_DONE = wintypes.HANDLE(-1)

    @contextlib.contextmanager
    def ticking(seconds: float) -> Iterator[None]:
        """Raise TICK from a thread of the system's timer queue. OSError."""
        timer = wintypes.HANDLE()
        first, again = max(1, int(seconds * 1000)), max(1, int(seconds * 250))
        if not _kernel32.CreateTimerQueueTimer(ctypes.byref(timer), None, _raise, TICK, first, again, 0):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            yield
        finally:
            # Waits for a callback that runs: without our handler the signal would end this process.
            _kernel32.DeleteTimerQueueTimer(None, timer, _UNTIL_DONE)

else:
    TICK = signal.SIGVTALRM

    @contextlib.contextmanager
    def ticking(seconds: float) -> Iterator[None]:
        """Raise TICK as this process uses CPU time."""
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds / 4)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
