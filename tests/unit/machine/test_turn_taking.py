"""What the interpreter is told for the loop's sake."""

from __future__ import annotations

import gc
import sys

from steelyard.machine import turn_taking


def test_threads_hand_the_interpreter_on_soon_and_what_is_loaded_is_not_collected_again() -> None:
    before = sys.getswitchinterval()
    try:
        turn_taking.prefer_the_loop()
        assert sys.getswitchinterval() == turn_taking.SWITCH_AFTER < before
        assert gc.get_freeze_count() > 10_000
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()
