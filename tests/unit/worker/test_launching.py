"""The environment of a task's process (what cannot start is tested with a real agent)."""

from __future__ import annotations

import pytest

from steelyard.worker.launching import environment_of
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
