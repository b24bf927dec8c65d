"""The moment between the end of a run and the end of all that it left behind: that is when cleaners work.

Python's resource tracker, OpenMPI's orted and their like remove shared memory and temporary files just after
their main process has ended. So what is left is asked to go and has a moment for it, in which the agent goes
on as always; then it is ended.
"""

from __future__ import annotations

import os

from steelyard.machine import containment
from steelyard.machine.clocks import Clocks
from steelyard.machine.waiting import Waiter
from steelyard.worker.host import Host

WITHIN = 2.0
"""Seconds of awake time that what a run left has to go by itself."""

LARGE_WITHIN = 1.5
"""Seconds that the large ones of it have: a tracker cleans up when the last that it serves has gone, and one
that is deaf to SIGTERM would take the tracker's time as well.
"""

HARD_WITHIN = 0.9
"""Seconds that small ones have after a hard end, and large ones none: all are gone within a second."""

LARGE = 64 * 1024 * 1024
"""Bytes of resident memory; what holds more is no cleaner. Python's tracker holds 12 MB, joblib's 27, mpirun
and orted 20 to 30.
"""

_LOOK = 0.02
"""Seconds between two looks."""

_NEVER = float("inf")


class Clearing:
    """Asks what is left of a tree to go, and ends it when its time is over. Times: awake time in seconds."""

    def __init__(
        self, now: float, *, first: int | None, asked: int | None, ask_at: float, gone_by: float
    ) -> None:
        """first: the run's first process, if its end is still to come. asked: a process group that was asked
        to go before. ask_at: until then all may end in their own way. gone_by: no later, whatever happens.
        """
        self._first = first
        self._asked_before = asked
        self._ask_at = ask_at
        self._has_asked = False
        self._deadline = min(now + WITHIN, gone_by)
        self._end_large_at = min(now + LARGE_WITHIN, self._deadline)
        self._next = now
        self.left = len(self._others())
        """How many the run left, its first process not counted."""
        self.ended = 0
        """How many of them did not go by themselves."""

    def hurry(self, now: float) -> None:
        """This is a hard end: the large ones go at once, the small ones soon."""
        self._ask_at = self._end_large_at = self._next = now
        self.shorten(now + HARD_WITHIN)

    def shorten(self, gone_by: float) -> None:
        """All must have gone by this time, if not before."""
        self._deadline = min(self._deadline, gone_by)

    def first_ended(self, now: float) -> None:
        """The first process has ended, and its exit status is taken: the rest is asked now, if it was not."""
        self._first = None
        self._ask_at = self._next = now
        if self._deadline == _NEVER:
            # Its time was over before: who lives still cannot be ended.
            self._deadline = now

    def due(self) -> float:
        """Awake time of the next look."""
        return min(self._next, self._deadline)

    def look(self, now: float) -> bool:
        """Do what is due. True: nobody lives any more."""
        if now < self.due():
            return False
        if now >= self._deadline:
            self._end()
            return True
        keep: frozenset[int] = frozenset() if self._first is None else frozenset({self._first})
        if containment.is_alone(keep):
            self._next = self._deadline = _NEVER
            return True
        # Once: what they start from now on may be what cleans up.
        ask, end = now >= self._ask_at and not self._has_asked, now >= self._end_large_at
        if ask or end:
            first, above = (self._first, LARGE) if end else (None, None)
            containment.press(ask=ask, asked=self._asked_before, first=first, above=above)
            self._has_asked = self._has_asked or ask
            self._end_large_at = _NEVER if end else self._end_large_at
        self._next = now + _LOOK
        return False

    def see_through(self, clocks: Clocks, waiter: Waiter, host: Host) -> None:
        """Make this a hard end, and return when nobody lives. host: the run's first process."""
        self.hurry(clocks.awake())
        while not self.look(clocks.awake()):
            # What comes is nobody's any more, but who writes it must not wait for a full pipe.
            waiter.wait(self.due() - clocks.awake())
            if not host.is_collected and host.collect() is not None:
                self.first_ended(clocks.awake())
        if not host.is_collected:
            host.collect()

    def _end(self) -> None:
        self._next = self._deadline = _NEVER
        self.ended = self.ended or len(self._others())
        if self._first is None:
            containment.end_descendants()
        else:
            # Its exit status is still to be read: it is ended, but not reaped.
            containment.end_tree(self._first)
            containment.end_descendants(keep=frozenset({self._first}))

    def _others(self) -> set[int]:
        return set(containment.descendants(os.getpid())) - {self._first}
