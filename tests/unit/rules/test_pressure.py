"""How hard memory presses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steelyard.rules.pressure import Signs, level_of
from steelyard.rules.quantities import GIB, MIB

MACHINE = Signs(total=16 * GIB, available=8 * GIB, guard=2 * GIB)


def signs(available: float, **more: object) -> Signs:
    """A machine of 16 GiB with so many GiB available, 2 of them the guard."""
    return replace(MACHINE, available=int(available * GIB), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("available", "growth", "pressure", "level"),
    [
        (2.0, 0, "normal", "normal"),
        (1.9, 0, "normal", "tight"),
        (1.9, 100, "normal", "tight"),
        (1.9, 500, "normal", "low"),
        (0.9, 0, "normal", "low"),
        (1.9, 2500, "normal", "urgent"),
        (0.6, 2500, "normal", "urgent"),
        (0.4, 0, "normal", "critical"),
        (8.0, 5000, "normal", "normal"),
        (8.0, 0, "warning", "normal"),
        (8.0, 0, "critical", "low"),
        (1.9, 0, "critical", "low"),
    ],
)
def test_how_hard_memory_presses(available: float, growth: float, pressure: str, level: str) -> None:
    assert level_of(signs(available, pressure=pressure), growth * MIB) == level


def test_what_others_take_counts_as_what_our_tasks_do() -> None:
    assert level_of(signs(1.9), 0.0, 500.0 * MIB) == "low"
    assert level_of(signs(1.9), 0.0, 2500.0 * MIB) == "urgent"
    assert level_of(signs(8.0), 0.0, 9000.0 * MIB) == "normal"


def test_where_available_misleads_the_systems_word_alone_ends_nothing() -> None:
    assert level_of(signs(1.9, pressure="critical", misleads=True), 0.0) == "low"
