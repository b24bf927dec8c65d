"""Whether a task keeps more cores busy than it claims: then others stand in each other's way with it."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 60.0
"""Seconds over which use is averaged: a short burst takes nothing from anybody."""
TOLERANCE = 0.5
"""Cores over the claim that are nobody's business: a helper thread, a program that prints."""


@dataclass(slots=True)
class CoreUse:
    """CPU time of one attempt, window after window."""

    began: float = 0.0
    spent: float = 0.0
    told: bool = False

    def beyond(self, ran: float, cpu_seconds: float, claimed: int) -> float | None:
        """The cores that were busy in a window that has just ended, if they are clearly more than claimed;
        once. ran: seconds that the attempt has run, without those that it stood still.
        """
        lasted = ran - self.began
        if self.told or lasted < WINDOW:
            return None
        used = (cpu_seconds - self.spent) / lasted
        self.began, self.spent = ran, cpu_seconds
        if used <= claimed + TOLERANCE:
            return None
        self.told = True
        return used


def sentence(used: float, claimed: int) -> str:
    """What the task's page says of it."""
    return (
        f"It uses {used:.1f} cores and claims {claimed}, so other tasks get less. State cores in its "
        "simulation's file, or let it start fewer threads."
    )
