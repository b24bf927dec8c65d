"""machine.memory.macos with the kernel's answers made up; the calls themselves on macOS only."""

from __future__ import annotations

import sys

import pytest

from steelyard.machine.memory.macos import pressure_level, probe

GIB = 2**30


@pytest.mark.parametrize(
    ("level", "word"),
    [(1, "normal"), (2, "warning"), (4, "critical"), (None, "normal"), (3, "warning"), (8, "critical")],
)
def test_the_kernels_level_is_the_pressure(level: int | None, word: str) -> None:
    reading = probe(lambda: (16 * GIB, 4 * GIB), lambda: level)
    assert (reading.total, reading.available, reading.pressure) == (16 * GIB, 4 * GIB, word)


def test_rules_are_told_that_available_misleads() -> None:
    assert probe(lambda: (GIB, GIB), lambda: 1).pressure_halves


def test_available_is_never_more_than_there_is() -> None:
    assert probe(lambda: (GIB, 2 * GIB), lambda: 1).available == GIB


@pytest.mark.skipif(sys.platform != "darwin", reason="asks the kernel of macOS")
def test_this_kernel_says_its_level() -> None:
    assert pressure_level() in (1, 2, 4)
