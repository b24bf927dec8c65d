"""Moments as text and back."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

import pytest

from steelyard.rules import timestamps
from steelyard.rules.timestamps import iso, unix


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00.000Z"),
        ("2026-01-15T10:30:00.123+02:00", "2026-01-15T08:30:00.123Z"),
        ("2026-01-15T10:30:00", "2026-01-15T10:30:00.000Z"),
        # The C library of Windows knows no moment before 1970 and none after 3000.
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ("3001-02-01", "3001-02-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_moment_comes_back_in_utc(text: str, said: str) -> None:
    assert iso(unix(text)) == said


@pytest.mark.parametrize("moment", [-62_135_596_800.0, -0.5, 32_503_680_000.0, 253_402_300_799.0])
def test_no_moment_asks_the_c_library(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    class Windows(datetime):
        @classmethod
        def fromtimestamp(cls, *_: object) -> NoReturn:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(timestamps, "datetime", Windows)
    assert unix(str(iso(moment))) == moment


EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.9999999Z"]


@pytest.mark.parametrize("text", [*EDGES, "", "x", "2026-02-30", "24:00", "1768473000"])
def test_what_is_no_moment_of_the_calendar_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="expected a moment like"):
        unix(text)
