"""Why a task waits, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.quantities import GIB, MIB
from steelyard.rules.reasons import Reason, Waiting, waiting_sentence

REASONS: tuple[Reason, ...] = ("memory", "cores", "held_for", "other_programs", "never_fits", "scout")


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (Waiting("memory", 8 * GIB, int(3.1 * GIB)), "needs 8.0 GiB, 3.1 GiB are free"),
        (Waiting("memory", 8 * GIB, -GIB), "needs 8.0 GiB, 0 B are free"),
        (
            Waiting("memory", 8 * GIB, 8 * GIB - 12 * MIB),
            "needs 8.0 GiB, 8.0 GiB are free, 12.0 MiB too little",
        ),
        (Waiting("cores", 4, 1), "needs 4 cores, 1 is free"),
        (Waiting("cores", 1, 0), "needs 1 core, 0 are free"),
        (
            Waiting("held_for", GIB, 4 * GIB, "ab12"),
            "would fit, but the room is held for task ab12, which was passed often enough",
        ),
        (
            Waiting("other_programs", 8 * GIB, 5 * GIB),
            "needs 8.0 GiB; even with no task running 5.0 GiB are free, other programs hold the rest",
        ),
        (
            Waiting("never_fits", 80 * GIB, 57 * GIB),
            "needs 80.0 GiB, this machine can give 57.0 GiB: it will never fit",
        ),
    ],
)
def test_the_words(waiting: Waiting, sentence: str) -> None:
    assert waiting_sentence(waiting) == sentence


@given(st.sampled_from(REASONS), st.integers(0, 2**50), st.integers(-(2**50), 2**50))
def test_every_reason_has_a_sentence(reason: Reason, need: int, free: int) -> None:
    sentence = waiting_sentence(Waiting(reason, need, free, "ab12"))
    assert sentence
