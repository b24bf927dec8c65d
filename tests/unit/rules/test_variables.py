"""rules.variables: names that a person may state, and the thread variables that nobody has set."""

from __future__ import annotations

import pytest

from steelyard.rules.variables import threads, wrong_with

ALL = {
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "JULIA_NUM_THREADS",
    "RAYON_NUM_THREADS",
}


@pytest.mark.parametrize("name", ["", "A=B", "A\0", "A\nB", "STEELYARD_TASK_ID", "steelyard_x", "x" * 257])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert wrong_with(name, "1") is not None


@pytest.mark.parametrize("value", ["a\0", "x" * 32_768])
def test_a_value_that_no_system_takes_is_refused(value: str) -> None:
    assert wrong_with("A", value) is not None


@pytest.mark.parametrize(("name", "value"), [("PATH", "/a:/b"), ("ProgramFiles(x86)", ""), ("a.b", None)])
def test_what_systems_take_is_taken(name: str, value: str | None) -> None:
    assert wrong_with(name, value) is None


@pytest.mark.parametrize(
    ("stated", "left_alone"),
    [
        (set(), set()),
        ({"JULIA_NUM_THREADS"}, {"JULIA_NUM_THREADS"}),
        # Whoever says 8 threads for OpenMP means OpenBLAS, MKL and numexpr too: a 1 of ours would go before.
        (
            {"OMP_NUM_THREADS"},
            {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"},
        ),
        ({"GOTO_NUM_THREADS"}, {"OPENBLAS_NUM_THREADS"}),
        ({"NUMEXPR_NUM_THREADS"}, {"NUMEXPR_MAX_THREADS"}),
    ],
)
def test_the_threads_are_the_cores_where_nobody_has_set_them(stated: set[str], left_alone: set[str]) -> None:
    assert threads(3, stated.__contains__) == dict.fromkeys(ALL - left_alone, "3")
