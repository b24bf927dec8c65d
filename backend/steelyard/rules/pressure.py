"""How hard memory presses, from what the machine says and how fast it goes.

Pure. Sizes are bytes, growth and fall are bytes a second, durations are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from steelyard.rules.admission import Pressure

LOW_SHARE: Final = 0.5
"""Below this share of the guard, growth is suspended."""

CRITICAL_SHARE: Final = 0.25
"""Below this share of the guard all growth is suspended, and what that does not help has to end."""

LOW_TIME: Final = 5.0
"""Growth is suspended when all that is available, less than the guard, would be gone so soon."""

CRITICAL_TIME: Final = 1.0
"""All growth is suspended when all would be gone so soon: four looks."""

Level = Literal["normal", "tight", "low", "urgent", "critical"]
"""urgent: by time alone. What is there would do, if only it stayed: that ends nothing of itself."""


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

    @property
    def stalled(self) -> bool:
        """Whether programs wait for memory by the system's own word, and `available` bears that out."""
        return self.pressure == "critical" and self.available < self.guard and not self.misleads


def level_of(signs: Signs, growth: float, fall: float = 0.0) -> Level:
    """How hard memory presses.

    growth: what all tasks together grow by. fall: what is available less, whoever takes it.
    """
    available, guard, rate = signs.available, signs.guard, max(growth, fall)
    time_left = available / rate if rate > 0 else math.inf
    if available < CRITICAL_SHARE * guard:
        return "critical"
    if available < guard and time_left < CRITICAL_TIME:
        return "urgent"
    stalled = signs.pressure == "critical"
    if stalled or available < LOW_SHARE * guard or (available < guard and time_left < LOW_TIME):
        return "low"
    return "tight" if available < guard else "normal"
