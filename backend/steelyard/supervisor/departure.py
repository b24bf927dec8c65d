"""How the sidecar leaves: what it still waits for, and until when. It may be told more than once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

Mode = Literal["drain", "stop"]

SOFT_STOP = 10.0
"""Seconds that a task gets for its checkpoint, where the deadline leaves so many."""


class Departure:
    """A way out with a deadline. A later word may only make it quicker: "stop" over "drain", and sooner."""

    def __init__(self, now: Callable[[], float]) -> None:
        """now: the monotonic clock, seconds."""
        self._now = now
        self.mode: Mode | None = None
        """None until somebody wants to leave."""
        self._deadline: float | None = None
        self._soft_stop = 0.0
        self._changed = asyncio.Event()

    def leave(self, mode: Mode, deadline_s: float | None) -> None:
        """Be gone within so many seconds; None: whenever the running tasks have ended (drain)."""
        if self.mode != "stop":
            self.mode = mode
        if deadline_s is not None:
            deadline = self._now() + max(0.0, deadline_s)
            if self._deadline is None or deadline < self._deadline:
                self._deadline = deadline
                # Settled here: half of what is left would be half again at the next look, and never begin.
                self._soft_stop = min(SOFT_STOP, max(0.0, deadline_s) / 2)
        self._changed.set()

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, 0 after it; None: there is none."""
        return None if self._deadline is None else max(0.0, self._deadline - self._now())

    @property
    def patience(self) -> float | None:
        """Seconds that a drain may go on before the soft stop has to begin; None: without end."""
        remaining = self.remaining
        return None if remaining is None else max(0.0, remaining - self._soft_stop)

    async def wait_for(self, work: asyncio.Future[object], seconds: float | None) -> bool:
        """Wait until work is done, the seconds have passed, or there is a new word; whether it is done."""
        self._changed.clear()
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((work, changed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        return work.done()
