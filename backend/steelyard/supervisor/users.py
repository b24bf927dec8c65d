"""The user's own environment, where a desktop program hands it over: for tasks alone, never the sidecar's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from steelyard.rules.variables import wrong_with

PATIENCE = 45.0
"""Seconds of awake time that tasks wait for it; a login shell that sets up much takes half a minute."""
LATE = (
    "Your own variables have not come; tasks start without them. Start the desktop program again to try anew."
)
AWAITED = "Your login shell is being asked for its variables; tasks start when it has answered."


@dataclass(slots=True)
class UsersEnvironment:
    """What tasks get over the sidecar's own environment. Nothing shows the values."""

    variables: dict[str, str] = field(default_factory=dict)
    source: str | None = None
    """Where they are from, in words; None: there are none but the sidecar's own."""
    left_out: list[str] = field(default_factory=list)
    """Names of those that tasks do not get."""
    note: str | None = None
    """What a person should know about them, a sentence."""
    awaited_until: float | None = None
    """Awake time until which no task starts without them; None: nobody has said that they come."""

    def expect(self, now: float) -> None:
        """They are on their way."""
        self.awaited_until, self.note = now + PATIENCE, AWAITED

    def are_awaited(self, now: float) -> bool:
        """Whether tasks wait for them still."""
        if self.awaited_until is not None and now >= self.awaited_until:
            self.awaited_until, self.note = None, LATE
        return self.awaited_until is not None

    def take(
        self, variables: Mapping[str, str], source: str, left_out: Sequence[str], note: str | None
    ) -> None:
        """They have come. What no system takes, and what is told to a task by us, is left out."""
        # As long as the system gave them: only what a person states is held to what every system takes.
        self.variables = {
            name: value
            for name, value in variables.items()
            if wrong_with(name, None) is None and "\0" not in value
        }
        self.left_out = sorted({*left_out, *(variables.keys() - self.variables.keys())})
        self.source, self.note, self.awaited_until = source, note, None
