"""Three clocks and the measure of sleep. Everything that needs the time is given a Clocks; only this module
reads one.

wall is shown and stored, monotonic measures durations, awake leaves the system's sleep out: time limits,
heartbeats and stall detection use it, so a laptop that slept for nine hours times nothing out.
"""

from __future__ import annotations

import sys
import time

if sys.platform == "win32":
    import ctypes

    def _awake() -> float:
        # 100 ns units since the start of the system, without sleep. time.monotonic() counts sleep here.
        ticks = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
        return ticks.value / 1e7

    def _slept() -> float:
        ctypes.windll.kernel32.GetTickCount64.restype = ctypes.c_ulonglong
        return float(ctypes.windll.kernel32.GetTickCount64()) / 1e3 - _awake()

elif sys.platform == "darwin":
    _awake = time.monotonic

    def _slept() -> float:
        # Apple's CLOCK_MONOTONIC_RAW counts sleep, and like CLOCK_UPTIME_RAW no time server slews it: by
        # CLOCK_MONOTONIC a month would hold a minute of sleep that nobody slept.
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.clock_gettime(time.CLOCK_UPTIME_RAW)

else:
    _awake = time.monotonic

    def _slept() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class Clocks:
    """The clocks that everything is given; SystemClocks are real, those of tests.fakes stand still."""

    def wall(self) -> float:
        """Unix time, seconds. A person or a time server may step it in either direction."""
        raise NotImplementedError

    def monotonic(self) -> float:
        """Seconds from an unknown start; only differences mean something. It never goes back."""
        raise NotImplementedError

    def awake(self) -> float:
        """Seconds from an unknown start that the system was awake; only differences mean something."""
        raise NotImplementedError

    def asleep(self) -> float:
        """Seconds that the system slept since this object was made; steps of the wall clock do not count."""
        raise NotImplementedError


class SystemClocks(Clocks):
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._slept_before = _slept()

    def wall(self) -> float:
        """Unix time, seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds, time.monotonic()."""
        return time.monotonic()

    def awake(self) -> float:
        """Seconds without sleep."""
        return _awake()

    def asleep(self) -> float:
        """Seconds of sleep since this object was made."""
        return max(0.0, _slept() - self._slept_before)
