"""Which outlooks are told: with the workers that there are, with one, and with more if that is sooner."""

from __future__ import annotations

from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.web.pages.forecast import told, worth_telling


def forecast(workers: int, *seconds: float) -> dict[str, Any]:
    return {
        "remaining": 4,
        "able": 4,
        "unknown": 0,
        "waiting": [],
        "paused": None,
        "workers": workers,
        "outlooks": [
            {
                "workers": number,
                "done_at": iso(1_000_000 + takes),
                "earliest": iso(1_000_000 + takes * 0.5),
                "latest": iso(1_000_000 + takes * 1.5),
                "bound_by": "workers",
            }
            for number, takes in enumerate(seconds, start=1)
        ],
    }


def shown(workers: int, *seconds: float) -> list[int]:
    return [one["workers"] for one in worth_telling(forecast(workers, *seconds))]


def test_nothing_to_tell() -> None:
    assert told(forecast(2))["range"] is None


def test_what_there_is_comes_first_then_one_then_what_would_be_sooner() -> None:
    assert shown(2, 400, 200, 130, 100) == [2, 1, 4]
    assert shown(1, 400, 200, 200) == [1, 2]


def test_one_worker_is_not_told_where_it_would_be_as_soon() -> None:
    assert shown(2, 595, 593) == [2]


def test_more_workers_that_gain_nothing_are_not_told() -> None:
    assert shown(2, 400, 200, 200, 199) == [2, 1]


def test_without_workers_or_with_more_than_are_reckoned_the_nearest_is_told() -> None:
    assert shown(0, 400, 200) == [1, 2]
    assert shown(9, 400, 200) == [2, 1]
