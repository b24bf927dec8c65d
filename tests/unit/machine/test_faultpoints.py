"""Fault points: what the code calls is in the list, and nobody but a test arms one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from steelyard.machine import faultpoints
from steelyard.machine.faultpoints import POINTS, arm, reach
from tests.helpers.layers import imports, modules


def called(*names: str) -> Iterator[tuple[str, list[object]]]:
    """Where, and with which constants, functions or methods of these names are called anywhere."""
    for module in modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in names:
                    values = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
                    yield f"{module.name}:{node.lineno}", values


def test_every_place_in_the_code_is_in_the_list() -> None:
    for where, (step, moment) in called("reach"):
        # A message's type, or a change's step, is known at run time only.
        if isinstance(step, str):
            assert moment in POINTS[step], where
        elif isinstance(moment, str):
            assert any(moment in moments for moments in POINTS.values()), where


def test_every_change_that_has_a_step_is_in_the_list() -> None:
    found = set()
    for where, values in called("change", "change_now", "note", "record"):
        if len(values) > 1 and isinstance(values[-1], str):
            assert "after_commit" in POINTS[values[-1]], where
            found.add(values[-1])
    committed = {step for step, moments in POINTS.items() if "after_commit" in moments}
    assert found == committed - {"migrate"}


def test_nothing_in_the_program_arms_them() -> None:
    assert list(called("arm")) == []
    for module in modules().values():
        taken = [target for _, target in imports(module) if target.startswith(faultpoints.__name__)]
        assert set(taken) <= {f"{faultpoints.__name__}.reach"}, module.name


def test_unarmed_a_place_is_passed_and_armed_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faultpoints, "_armed", None)
    reach("claim", "before_commit")
    seen: list[tuple[str, str]] = []
    arm(lambda step, moment: seen.append((step, moment)))
    reach("claim", "before_commit")
    assert seen == [("claim", "before_commit")]
