"""The machine's battery."""

from __future__ import annotations

import psutil

from steelyard.rules.battery import Charge


def charge() -> Charge | None:
    """What the battery says now; None without one, and where it cannot be read."""
    try:
        found = psutil.sensors_battery()
    except (OSError, AttributeError):  # psutil leaves the function out where a system has no such thing
        return None
    if found is None:
        return None
    # Where it is not known what the machine draws from, nothing is held back for it.
    return Charge(float(found.percent), on_mains=found.power_plugged is not False)
