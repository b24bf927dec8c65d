"""Moments as the clock on the wall shows them here."""

from __future__ import annotations

from datetime import datetime

from steelyard.rules.timestamps import iso


def local(moment: float) -> str:
    """Unix seconds as the clock on the wall has them here, for sentences: "2026-12-24 22:00 +01:00".

    In UTC where the C library knows no local time for them: on Windows before 1970 and after 3000.
    """
    try:
        text = datetime.fromtimestamp(moment).astimezone().isoformat(" ", "seconds")
    except (OSError, OverflowError, ValueError):
        return iso(moment) or ""
    return f"{text[:-6].removesuffix(':00')} {text[-6:]}"
