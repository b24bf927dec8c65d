"""Moments as the clock on the wall shows them here."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from steelyard.rules.timestamps import iso

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def clock(moment: float, now: float) -> str:
    """Unix seconds as somebody who lives here says them at `now`: "03:47", "Sunday 03:47".

    In full ("2026-12-24 22:00") from six days on; as iso() where the C library knows no local time for them.
    """
    try:
        then, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(now).date()
    except (OSError, OverflowError, ValueError):
        return iso(moment) or ""
    days = (then.date() - today).days
    if days == 0:
        return f"{then:%H:%M}"
    return f"{DAYS[then.weekday()]} {then:%H:%M}" if 0 < days < 6 else f"{then:%Y-%m-%d %H:%M}"


def local(moment: float) -> str:
    """Unix seconds as the clock on the wall has them here, for sentences: "2026-12-24 22:00 +01:00".

    In UTC where the C library knows no local time for them: on Windows before 1970 and after 3000.
    """
    try:
        text = datetime.fromtimestamp(moment).astimezone().isoformat(" ", "seconds")
    except (OSError, OverflowError, ValueError):
        return iso(moment) or ""
    return f"{text[:-6].removesuffix(':00')} {text[-6:]}"
