"""What the interpreter is told for the sake of an event loop that must not wait."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_AFTER: Final = 0.0005
"""Seconds after which a thread that computes hands the interpreter on. Python's own 5 ms are met anew each
time the loop's thread has let go of it: at every statement of the database, so a dozen times in a turn.
"""


def prefer_the_loop() -> None:
    """Let no thread keep the loop from the interpreter for long, and no collection of garbage walk again what
    has been loaded for good. Call it once, when everything is.
    """
    sys.setswitchinterval(SWITCH_AFTER)
    gc.collect()
    gc.freeze()
