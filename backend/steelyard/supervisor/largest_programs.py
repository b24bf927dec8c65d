"""The largest programs beside ours, looked up in a thread: a look takes 20 ms, or a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from steelyard.machine.beside import beside

log = logging.getLogger(__name__)

Programs = list[tuple[str, int]]
"""Names and bytes, the largest first."""

MOST = 10
"""Programs that a person might close; nobody closes more for one task."""

KEPT = 10.0
"""Seconds that what was seen is true enough."""


class LargestPrograms:
    """Names and bytes of the largest programs that are none of ours, as they were seen last."""

    def __init__(self, look: Callable[[int], Programs], clock: Callable[[], float] = time.monotonic) -> None:
        """look: the so many largest ones, now; clock: seconds."""
        self._read = look
        self._clock = clock
        self._seen_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self.seen: Programs = []

    def keep_fresh(self) -> None:
        """Begin to look again if what was seen is older than KEPT; who asks meanwhile is told that."""
        fresh = self._seen_at is not None and self._clock() - self._seen_at < KEPT
        if self._looking is None and not fresh:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def fresh(self) -> Programs:
        """What was seen at most KEPT seconds ago; looks first if need be."""
        self.keep_fresh()
        if self._looking is not None:
            await asyncio.shield(self._looking)
        return self.seen

    async def _look(self) -> None:
        try:
            self.seen = await beside(lambda: self._read(MOST))
        except Exception:
            log.exception("the largest programs could not be looked up; those of the last look are named")
        finally:
            self._seen_at, self._looking = self._clock(), None
