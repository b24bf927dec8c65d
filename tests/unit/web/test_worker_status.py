"""The Worker Status section: whom a person sees first."""

from __future__ import annotations

from steelyard.web.pages.worker_status import arranged


def _status(*states: str) -> dict[str, object]:
    return {
        "workers": [{"worker_id": f"w{n}", "state": state} for n, state in enumerate(states)],
        "seq": 7,
    }


def _order(status: dict[str, object]) -> list[str]:
    workers = arranged(status)["workers"]
    return [worker["worker_id"] for worker in workers]


def test_the_living_come_first_in_the_order_of_their_start() -> None:
    assert _order(_status("DEAD", "RUNNING", "FAILED", "STARTING", "DRAINING")) == [
        "w1",
        "w3",
        "w4",
        "w2",
        "w0",
    ]


def test_what_ended_last_comes_before_what_ended_long_ago() -> None:
    assert _order(_status("DEAD", "DEAD", "FAILED")) == ["w2", "w1", "w0"]


def test_the_rest_of_the_status_and_the_status_itself_stay_as_they_are() -> None:
    status = _status("DEAD", "RUNNING")
    assert arranged(status)["seq"] == 7
    assert _order(status) == ["w1", "w0"]
    assert [worker["worker_id"] for worker in status["workers"]] == ["w0", "w1"]  # type: ignore[index]
