"""Is the parent that said hello still there? The second line of defence, behind end-of-file and the kernel's
signal.

A pid alone can be used again, and "the parent is 1" is no test in containers: pid and identity are compared.
"""

from __future__ import annotations

from steelyard.machine import identity

INTERVAL = 2.0
"""Seconds of awake time between two looks."""


class ParentWatch:
    """Compares the process with the parent's pid with the identity that the parent gave."""

    def __init__(self, pid: int, known_identity: str, now: float) -> None:
        self._pid = pid
        self._identity = known_identity
        self.due = now + INTERVAL
        """Awake time of the next look."""

    def lost(self, now: float) -> bool:
        """Whether the parent is gone; looks only when a look is due."""
        if now < self.due:
            return False
        self.due = now + INTERVAL
        return self.is_gone()

    def is_gone(self) -> bool:
        """Whether the parent is gone; looks at once."""
        return not identity.is_same(self._pid, self._identity)
