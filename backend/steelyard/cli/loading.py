"""What the command line does before the rest of it is loaded."""

from __future__ import annotations

from steelyard.machine import hangup


def begin(arguments: list[str]) -> None:
    """An embedded sidecar (`serve --hello`) watches its parent from here on; `Orders` take over."""
    if "--hello" in arguments:
        hangup.begin(0)
