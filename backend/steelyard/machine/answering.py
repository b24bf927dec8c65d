"""Ask a folder that may lie on a disk that never answers: a network drive that is gone, a disk asleep.

Nothing ends a thread that waits for such a disk. So a folder that has not answered is asked no more until the
thread that waits for it comes back: however often somebody asks, the threads stay few.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from steelyard.machine.beside import beside
from steelyard.rules.errors import Unanswered
from steelyard.rules.quantities import format_duration

T = TypeVar("T")

WITHIN = 10.0
"""Seconds that a person waits for a folder; a disk that was asleep has woken by then."""

_silent: Counter[str] = Counter()
"""Folder -> threads that wait for it and are late."""
_lock = threading.Lock()


async def ask(folder: str, work: Callable[[], T], within: float = WITHIN) -> T:
    """What `work`, which looks into a folder, returns or raises. Unanswered after so many seconds, and at
    once while an earlier one still waits for the same folder.
    """
    if folder in _silent:
        raise _unanswered(folder)
    asked = _Asked(folder)
    timer = asyncio.get_running_loop().call_later(within, asked.late)
    try:
        return await beside(lambda: asked.look(work), within)
    except TimeoutError:
        if asked.came_back:
            raise  # an error of the disk itself
        asked.late()
        raise _unanswered(folder, within) from None
    finally:
        if asked.came_back:
            timer.cancel()


class _Asked:
    """One look into a folder. Whoever asked for it may have gone when it is late, or comes back."""

    def __init__(self, folder: str) -> None:
        self.came_back = False
        self._folder = folder
        self._counted = False

    def look(self, work: Callable[[], T]) -> T:
        """In a thread."""
        try:
            return work()
        finally:
            with _lock:
                self.came_back = True
                if self._counted:
                    _silent[self._folder] -= 1
                    if not _silent[self._folder]:
                        del _silent[self._folder]

    def late(self) -> None:
        """It took its time, and counts as silent until it comes back."""
        with _lock:
            if not (self.came_back or self._counted):
                self._counted = True
                _silent[self._folder] += 1


def _unanswered(folder: str, after: float | None = None) -> Unanswered:
    since = "still does not answer" if after is None else f"has not answered for {format_duration(after)}"
    return Unanswered(
        f"{folder} {since}. Does it lie on a network drive that is gone, or on a disk that is not there any "
        "more? Once it answers again, so does this.",
        folder=folder,
    )
