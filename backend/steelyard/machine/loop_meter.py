"""How long the event loop works before it looks again at what has come: the wait that a request can meet.

The loop asks the system what is ready, works on all of it, and asks again; one such piece of work is a
*hold*. The meter stands around the question, so it misses no hold and costs an idle loop nothing. A thread
looks ten times a second at what a long hold is busy with, which is the only way to name it.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

log = logging.getLogger(__name__)

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the classes of holds, in seconds; what is longer than the last is a class of its own."""

SLOW: Final = 0.25
"""Seconds of a hold from which on the log tells of it."""

TOLD_EVERY: Final = 10.0
"""Seconds between two lines in the log; what comes between is counted in the next."""

LOOK_EVERY: Final = 0.1
"""Seconds between two looks of the thread at what the loop does."""

MINUTE: Final = 60
"""Seconds that `p99` and `most` look back."""

FRAMES: Final = 4
"""Functions that are named of a long hold, the innermost ones."""

_OURS: Final = "steelyard."


@dataclass(frozen=True, slots=True)
class Lag:
    """What the meter knows, in seconds. Of the last minute: p99, most, most_cpu; the rest since the start.

    p99: in 99 % of the time nobody would have waited longer (a class's upper bound); most: the longest hold;
    most_cpu: the most processor time in one. most_ever: the longest of all; slow: how many took SLOW and
    longer; counts: holds by class, one class more than there are BOUNDS; total: the length of all of them.
    """

    p99: float
    most: float
    most_cpu: float
    most_ever: float
    slow: int
    counts: tuple[int, ...]
    total: float


@dataclass(slots=True)
class _Second:
    """The holds that ended in one second of the clock."""

    at: int
    most: float = 0.0
    most_cpu: float = 0.0
    held: list[float] = field(default_factory=lambda: [0.0] * (len(BOUNDS) + 1))
    """Seconds held, by class."""


class LoopMeter:
    """Measures one event loop, made by new_loop(), from start() to stop()."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.thread_time
    ) -> None:
        """clock, cpu: seconds; of the wall, and of the loop's thread on a processor."""
        self._clock = clock
        self._cpu = cpu
        self._since: float | None = None
        self._cpu_since = 0.0
        self._measures = False
        self._started = 0.0
        self._seconds: deque[_Second] = deque(maxlen=MINUTE)
        self._counts = [0] * (len(BOUNDS) + 1)
        self._total = 0.0
        self._most = 0.0
        self._slow = 0
        self._told = -TOLD_EVERY
        self._untold = 0
        self._seen: list[tuple[str, ...]] = []
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop that tells this meter when it works and when it waits."""
        return _metered_loop(self)

    def start(self) -> None:
        """Measure from now on; called in the loop."""
        self._measures, self._started = True, self._clock()
        self._watcher = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="loop meter", daemon=True
        )
        self._watcher.start()

    def stop(self) -> None:
        """Measure no more."""
        self._measures, self._since = False, None
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(LOOK_EVERY)

    def works(self) -> None:
        """A hold begins: the loop has learned what is ready."""
        if self._measures:
            self._since, self._cpu_since = self._clock(), self._cpu()

    def waits(self) -> None:
        """A hold is over: the loop asks what is ready."""
        since, self._since = self._since, None
        if since is None:
            return
        now = self._clock()
        length = now - since
        self._total += length
        if length <= BOUNDS[0]:
            self._counts[0] += 1
            return
        number = bisect_left(BOUNDS, length)
        cpu = self._cpu() - self._cpu_since
        self._counts[number] += 1
        self._most = max(self._most, length)
        if not self._seconds or self._seconds[-1].at != int(now):
            self._seconds.append(_Second(int(now)))
        second = self._seconds[-1]
        second.most, second.most_cpu = max(second.most, length), max(second.most_cpu, cpu)
        second.held[number] += length
        if length >= SLOW:
            self._slow += 1
            self._tell(now, length, cpu)
        self._seen.clear()

    def read(self) -> Lag:
        """The figures of this moment."""
        now = self._clock()
        recent = [second for second in self._seconds if second.at > now - MINUTE]
        return Lag(
            self._p99(recent, min(float(MINUTE), now - self._started)),
            max((second.most for second in recent), default=0.0),
            max((second.most_cpu for second in recent), default=0.0),
            self._most,
            self._slow,
            tuple(self._counts),
            self._total,
        )

    def _p99(self, recent: list[_Second], span: float) -> float:
        """The least bound so that longer holds took no more than a hundredth of the time."""
        longer = 0.0
        for number in range(len(BOUNDS), -1, -1):
            longer += sum(second.held[number] for second in recent)
            if longer > span / 100:
                return BOUNDS[number] if number < len(BOUNDS) else max(second.most for second in recent)
        return BOUNDS[0]

    def _tell(self, now: float, length: float, cpu: float) -> None:
        if now - self._told < TOLD_EVERY:
            self._untold += 1
            return
        more = f"; {self._untold} more since the last such line" if self._untold else ""
        busy = trunk(self._seen) or "nobody could see what"
        log.warning(
            "nothing else was done for %.0f ms (%.0f ms of them on a processor): %s%s",
            length * 1000,
            cpu * 1000,
            busy,
            more,
        )
        self._told, self._untold = now, 0

    def _watch(self, thread: int) -> None:
        """In a thread of its own: note what a hold does that lasts longer than one look."""
        while not self._over.wait(LOOK_EVERY):
            since = self._since
            if since is not None and self._clock() - since >= LOOK_EVERY / 2:
                frame = sys._current_frames().get(thread)
                if since == self._since:
                    self._seen.append(_functions(frame))


def trunk(seen: list[tuple[str, ...]]) -> str:
    """What most looks at a hold have in common, from the outside in."""
    if not seen:
        return ""
    often = Counter(name for functions in seen for name in set(functions))
    return " > ".join(name for name in seen[-1] if often[name] * 2 > len(seen) or len(seen) == 1)


def _functions(frame: FrameType | None) -> tuple[str, ...]:
    """The innermost functions of ours that run in a frame, the outermost of them first."""
    found: list[str] = []
    while frame is not None and len(found) < FRAMES:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_OURS) and module != __name__:
            found.append(f"{module.removeprefix(_OURS)}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(found))


if sys.platform == "win32":
    from steelyard.machine.accepting import PatientProactor

    class _MeteredProactor(PatientProactor):
        """Asks the system what is ready, for a loop that is measured."""

        def __init__(self, meter: LoopMeter) -> None:
            super().__init__()
            self._meter = meter

        def select(self, timeout: Any = None) -> Any:
            """As the base class."""
            self._meter.waits()
            try:
                return super().select(timeout)
            finally:
                self._meter.works()

    def _metered_loop(meter: LoopMeter) -> asyncio.AbstractEventLoop:
        return asyncio.ProactorEventLoop(_MeteredProactor(meter))

else:

    class _MeteredSelector(selectors.DefaultSelector):
        """Asks the system what is ready, for a loop that is measured."""

        def __init__(self, meter: LoopMeter) -> None:
            super().__init__()
            self._meter = meter

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """As the base class."""
            self._meter.waits()
            try:
                return super().select(timeout)
            finally:
                self._meter.works()

    def _metered_loop(meter: LoopMeter) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_MeteredSelector(meter))
