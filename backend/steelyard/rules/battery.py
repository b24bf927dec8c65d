"""When a battery is too low to start more on."""

from __future__ import annotations

from dataclasses import dataclass

MARGIN = 5
"""Points of per cent above the limit at which a battery that was low no longer is: a figure that wavers must
not pause and resume by turns.
"""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a battery says: per cent of its capacity, and whether the machine draws from it."""

    percent: float
    on_mains: bool


def is_low(charge: Charge | None, below: int, was_low: bool) -> bool:
    """Whether nothing should start now. below: per cent, 0 is never; was_low: what the last reading came to.

    A machine without a battery (None), or on mains, is never low.
    """
    if charge is None or charge.on_mains or below == 0:
        return False
    return charge.percent < below + (MARGIN if was_low else 0)
