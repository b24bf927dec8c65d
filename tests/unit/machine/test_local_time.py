"""Moments as people here read them, on both sides of summer time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from steelyard.machine.local_time import local
from steelyard.rules.timestamps import unix


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-12-24T21:00:00Z", "2026-12-24 22:00 +01:00"),
        ("2026-07-01T20:00:05Z", "2026-07-01 22:00:05 +02:00"),
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30 +02:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30 +01:00"),
    ],
)
def test_a_moment_is_said_in_local_time(moment: str, text: str) -> None:
    assert local(unix(moment)) == text


def test_what_no_calendar_has_is_no_error() -> None:
    assert local(unix("9999-12-31T23:59:00Z"))
