"""The environment of a task's process (what cannot start is tested with a real agent)."""

from __future__ import annotations

import pytest

from steelyard.worker.launching import environment_of, own_environment
from steelyard.worker.orders import Order
from tests.unit.worker.test_orders import START


def test_the_order_changes_the_agents_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("GONE", "1")
    monkeypatch.setenv("CHANGED", "1")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/user")
    changes = {"GONE": None, "CHANGED": "2", "NEW": "3", "NEVER_THERE": None}
    environment = environment_of(Order({**START, "environment": changes}))
    assert {name: environment.get(name) for name in ("KEPT", "GONE", "CHANGED", "NEW", "NEVER_THERE")} == {
        "KEPT": "1",
        "GONE": None,
        "CHANGED": "2",
        "NEW": "3",
        "NEVER_THERE": None,
    }
    assert environment["LD_LIBRARY_PATH"] == "/user" and "LD_LIBRARY_PATH_ORIG" not in environment


def test_one_process_for_many_runs_begins_with_the_environment_of_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEELYARD_TASK_ID", "of a sidecar that is itself a task")
    changes = {"NEW": "3", "STEELYARD_TASK_ID": "t1", "STEELYARD_GONE": None}
    order = Order({**START, "environment": changes, "reuse": {"key": "k"}})
    environment = environment_of(order)
    assert environment["NEW"] == "3" and "STEELYARD_TASK_ID" not in environment
    assert own_environment(order) == {"STEELYARD_TASK_ID": "t1"}
