"""When a battery counts as low, and when it no longer does."""

from __future__ import annotations

import pytest

from steelyard.rules.battery import MARGIN, Charge, is_low


@pytest.mark.parametrize(
    ("charge", "below", "was_low", "low"),
    [
        (None, 20, False, False),
        (None, 20, True, False),
        (Charge(19, on_mains=False), 20, False, True),
        (Charge(20, on_mains=False), 20, False, False),
        (Charge(20 + MARGIN - 1, on_mains=False), 20, True, True),
        (Charge(20 + MARGIN, on_mains=False), 20, True, False),
        (Charge(3, on_mains=True), 20, True, False),
        (Charge(0, on_mains=False), 0, False, False),
        (Charge(2, on_mains=False), 0, True, False),
        (Charge(99, on_mains=False), 100, False, True),
    ],
)
def test_low(charge: Charge | None, below: int, was_low: bool, low: bool) -> None:
    assert is_low(charge, below, was_low) is low


def test_a_charge_that_wavers_pauses_once() -> None:
    low, changes = False, 0
    for percent in (22, 19, 21, 19, 22, 24, 19, 24):
        now = is_low(Charge(percent, on_mains=False), 20, low)
        changes += now != low
        low = now
    assert (low, changes) == (True, 1)
