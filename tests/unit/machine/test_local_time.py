"""Moments as people here read them, on both sides of summer time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from steelyard.machine.local_time import clock, local
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


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-12-24T22:59:00Z", "23:59"),
        ("2026-12-24T23:00:00Z", "Friday 00:00"),
        ("2026-12-29T21:00:00Z", "Tuesday 22:00"),
        ("2026-12-30T21:00:00Z", "2026-12-30 22:00"),
        ("2026-12-23T21:00:00Z", "2026-12-23 22:00"),
    ],
)
def test_the_clock_is_said_as_one_says_it_here_and_now(moment: str, text: str) -> None:
    assert clock(unix(moment), unix("2026-12-24T09:00:00Z")) == text


def test_what_no_calendar_has_is_no_error() -> None:
    assert clock(unix("9999-12-31T23:59:00Z"), 0.0)
    assert local(unix("9999-12-31T23:59:00Z"))
