"""How hard memory presses, from what the machine says and how fast the tasks grow.

DESIGN section 3. Pure. Sizes are bytes, growth is bytes a second, durations are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from steelyard.rules.admission import Pressure

LOW_SHARE: Final = 0.5
"""Below this share of the guard, growth is suspended."""

CRITICAL_SHARE: Final = 0.25
"""Below this share of the guard, something is ended."""

LOW_TIME: Final = 5.0
"""Growth is suspended when all that is available, less than the guard, would be gone so soon."""

CRITICAL_TIME: Final = 1.0
"""Something is ended when all would be gone so soon: four samples, and the time that an end takes."""

Level = Literal["normal", "tight", "low", "critical"]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the machine says: total, available and guard as admission weighs them, and the system's own word.

    misleads: `available` says little on this system (macOS), so that its word counts more.
    """

    total: int
    available: int
    guard: int
    pressure: Pressure = "normal"
    misleads: bool = False


def level_of(signs: Signs, growth: float) -> Level:
    """How hard memory presses, with what all tasks together grow by in a second."""
    available, guard = signs.available, signs.guard
    time_left = available / growth if growth > 0 else math.inf
    if available < CRITICAL_SHARE * guard or (available < guard and time_left < CRITICAL_TIME):
        return "critical"
    stalled = signs.pressure == "critical"
    if stalled and available < guard and not signs.misleads:
        return "critical"
    if stalled or available < LOW_SHARE * guard or (available < guard and time_left < LOW_TIME):
        return "low"
    return "tight" if available < guard else "normal"
