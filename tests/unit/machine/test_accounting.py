"""What an attempt used on Windows, of made-up figures of its job and of its first process."""

from __future__ import annotations

from steelyard.machine.containment.accounting import Use, used

MIB = 2**20


def test_a_launcher_s_children_are_counted() -> None:
    before, after = Use(1.0, 20 * MIB, 12 * MIB), Use(61.5, 912 * MIB, 12 * MIB)
    assert used(5 * MIB, 0.1, before, after) == (900 * MIB, 60.5)


def test_a_peak_of_an_earlier_attempt_is_not_this_one_s() -> None:
    before, after = Use(61.5, 912 * MIB, 12 * MIB), Use(62.0, 912 * MIB, 12 * MIB)
    assert used(5 * MIB, 0.1, before, after) == (5 * MIB, 0.5)


def test_it_is_never_less_than_what_the_first_process_used() -> None:
    """A file that it maps is in its working set, and commits nothing."""
    before, after = Use(1.0, 20 * MIB, 12 * MIB), Use(1.5, 40 * MIB, 12 * MIB)
    assert used(700 * MIB, 2.0, before, after) == (700 * MIB, 2.0)
    assert used(None, None, before, after) == (28 * MIB, 0.5)


def test_without_a_job_the_first_process_is_all_there_is() -> None:
    assert used(5 * MIB, 0.1, None, None) == (5 * MIB, 0.1)
    assert used(None, None, None, Use(1.0, 1, 1)) == (None, None)
