"""Who holds the queue: a person, or a battery that is low.

While it is held nothing new starts, and what runs goes on. A person's word counts for more: a battery that
is charged again ends its own pause only, and a person may resume on a low battery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

By = Literal["user", "battery"]

WAITING_FOR: dict[By, str] = {
    "user": "the queue, which is paused",
    "battery": "power: the battery is low, and the queue is paused",
}
"""`waiting_for` of a task that nothing else keeps."""


@dataclass(slots=True)
class Pause:
    """What holds the queue. overruled: a person resumed although the battery is low."""

    person: bool = False
    battery_low: bool = False
    overruled: bool = False

    @property
    def by(self) -> By | None:
        """Who holds the queue; None: it goes on."""
        if self.person:
            return "user"
        return "battery" if self.battery_low and not self.overruled else None

    def person_says(self, paused: bool) -> None:
        """A person pauses, or resumes, which overrules a battery that is low."""
        self.person = paused
        self.overruled = self.battery_low and not paused

    def battery_says(self, low: bool) -> None:
        """What a reading of the battery came to; once it is charged, the next low counts again."""
        self.battery_low = low
        self.overruled = self.overruled and low
