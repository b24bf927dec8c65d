"""Arithmetic that takes long, in a thread, without keeping others from the interpreter."""

from __future__ import annotations

import time
from typing import Final

SLICE: Final = 0.004
PAUSE: Final = 0.004
"""Seconds of work, and of rest after it: half of a core at the most, and little of it at one go."""


class Breath:
    """Call it often from the thread that works: it rests where that is due."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self) -> None:
        if time.perf_counter() - self._began >= SLICE:
            time.sleep(PAUSE)
            self._began = time.perf_counter()
