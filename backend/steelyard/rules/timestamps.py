"""Moments as text: ISO-8601 in UTC, milliseconds, `Z`;

the one form that the API, the tables' views and the logs share.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(moment: float | None) -> str | None:
    """Unix seconds as "2026-01-15T10:30:00.123Z"; None stays None."""
    if moment is None:
        return None
    # Arithmetic, for the C library of Windows refuses moments before 1970 and after 3000.
    text = (_EPOCH + timedelta(seconds=moment)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def unix(text: str) -> float:
    """Unix seconds of an ISO-8601 moment;

    without an offset it is UTC. ValueError with a sentence otherwise.
    """
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        # An offset may carry the first or the last day that there is out of the calendar: then iso() fails.
        iso(seconds)
    except (ValueError, OverflowError):
        raise ValueError(f'expected a moment like "2026-01-15T10:30:00Z", found {text!r:.60}') from None
    return seconds
