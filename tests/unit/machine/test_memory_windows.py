"""machine.memory.windows with the kernel's answers made up; the call itself on Windows only."""

from __future__ import annotations

import sys

import pytest

from steelyard.machine.memory.windows import MemoryStatus, memory_status, probe

GIB = 2**30


def status(physical: int, free: int, commit: int, left: int) -> MemoryStatus:
    """A machine; GiB."""
    return MemoryStatus(
        ullTotalPhys=physical * GIB,
        ullAvailPhys=free * GIB,
        ullTotalPageFile=commit * GIB,
        ullAvailPageFile=left * GIB,
    )


def test_the_commit_limit_bounds_what_is_available() -> None:
    reading = probe(lambda: status(16, 10, 20, 6))
    assert (reading.total, reading.available) == (16 * GIB, 6 * GIB)


def test_free_memory_bounds_it_too() -> None:
    assert probe(lambda: status(16, 5, 40, 30)).available == 5 * GIB


def test_a_jobs_commit_limit_below_the_memory_is_the_total() -> None:
    assert probe(lambda: status(16, 10, 8, 7)).total == 8 * GIB


@pytest.mark.parametrize(("left", "word"), [(10, "normal"), (9, "warning"), (5, "warning"), (4, "critical")])
def test_pressure_is_what_is_left_of_the_commit_limit(left: int, word: str) -> None:
    assert probe(lambda: status(64, 50, 100, left)).pressure == word


def test_rules_are_told_to_leave_a_larger_guard() -> None:
    assert probe(lambda: status(16, 8, 16, 8)).windows


@pytest.mark.skipif(sys.platform != "win32", reason="asks the kernel of Windows")
def test_this_machine_has_memory() -> None:
    assert memory_status().ullTotalPhys > 0
