"""Fifty random blows to a running Steelyard; the seed is printed, and CHAOS_SEED repeats it."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.busy_yard import BusyYard
from tests.helpers.chaos import DEEDS, VICTIMS, Chaos

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc/<pid>/environ here"),
    pytest.mark.timeout(600),
]

ROUNDS = 50
WORKERS = 3
SEED_OF_CI = 20261126
"""What CI says must not depend on the day."""


def seed() -> int:
    stated = os.environ.get("CHAOS_SEED")
    if stated is None and os.environ.get("STEELYARD_CI") == "1":
        return SEED_OF_CI
    return int(stated or random.SystemRandom().randrange(10**6))


def test_random_blows_lose_nothing_and_leave_nobody(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chosen = seed()
    record_property("chaos", f"seed {chosen}, {ROUNDS} rounds")
    with BusyYard(tmp_path, chosen, WORKERS) as yard:
        chaos = Chaos(yard, chosen)
        chaos.run(ROUNDS, look_every=ROUNDS // 2)
    assert (chosen, chaos.words) == (chosen, [])
    assert chaos.looks == 2 and chaos.blows.total() == ROUNDS
    assert len(yard.acknowledged) > ROUNDS // 2


def test_a_seed_draws_the_same_blows_again(tmp_path: Path) -> None:
    yard = BusyYard(tmp_path, 7, WORKERS)
    mine, same, other = Chaos(yard, 7), Chaos(yard, 7), Chaos(yard, 8)
    blows = [mine._draw() for _ in range(1000)]
    assert blows == [same._draw() for _ in range(1000)] != [other._draw() for _ in range(1000)]
    drawn = Counter((blow.victim, blow.deed) for blow in blows)
    for victim in VICTIMS:
        deeds = {"kill"} if victim == "sidecar and worker" else set(DEEDS)
        assert {deed for who, deed in drawn if who == victim} == deeds
