"""What attempts took: kept where it teaches something, the newest first, and only so many."""

from __future__ import annotations

import pytest

from steelyard.rules.footprint import BOUNDS_KEPT, RUNS_KEPT, PastRun
from steelyard.rules.states import Cause
from steelyard.store import footprints, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Database
from tests.unit.store.making import NOW, new, submit

GIB = 2**30


def note(
    database: Database, outcome: Outcome, argv: tuple[str, ...] = ("solver", "4"), fingerprint: str = ""
) -> bool:
    """Of a task that claims 1 GiB."""
    (task_id,) = submit(database, new(parameters={"argv": list(argv)}))
    row = tasks.row(database, task_id)
    assert row is not None
    return database.change_now(lambda change: footprints.note(change, row, outcome, 12.5, NOW, fingerprint))


def newest(database: Database, program: str = "solver", fingerprint: str = "") -> list[PastRun]:
    return list(footprints.newest(database, "command", program, fingerprint).runs)


def test_a_completed_run_is_kept_with_what_it_took(database: Database) -> None:
    assert note(database, Outcome(Cause.SUCCEEDED, peak_memory=GIB))
    (run,) = newest(database)
    assert (run.parameters, run.peak, run.duration, run.complete) == (
        {"0": "solver", "1": 4.0},
        GIB,
        12.5,
        True,
    )


@pytest.mark.parametrize("cause", [Cause.MEMORY_GUARD, Cause.KERNEL_OOM])
def test_a_run_that_was_ended_for_memory_is_a_lower_bound(database: Database, cause: Cause) -> None:
    assert note(database, Outcome(cause, peak_memory=GIB + 1))
    (run,) = newest(database)
    assert (run.peak, run.duration, run.complete, run.starved) == (GIB + 1, None, False, True)


@pytest.mark.parametrize(
    "cause", [cause for cause in Cause if cause not in {Cause.SUCCEEDED, Cause.KERNEL_OOM}]
)
def test_any_other_end_shows_the_least_that_such_a_run_takes(database: Database, cause: Cause) -> None:
    assert note(database, Outcome(cause, peak_memory=GIB))
    (run,) = newest(database)
    assert (run.peak, run.duration, run.complete, run.starved) == (GIB, None, False, False)


def test_failures_do_not_crowd_out_what_completed(database: Database) -> None:
    assert note(database, Outcome(Cause.SUCCEEDED, peak_memory=GIB))
    for peak in range(1, BOUNDS_KEPT + 3):
        assert note(database, Outcome(Cause.ERROR, peak_memory=peak))
    assert [run.peak for run in newest(database)] == [*range(BOUNDS_KEPT + 2, 2, -1), GIB]


def test_another_version_of_a_program_answers_until_one_of_its_own_has_completed(
    database: Database,
) -> None:
    note(database, Outcome(Cause.SUCCEEDED, peak_memory=5), fingerprint="old")
    note(database, Outcome(Cause.TIMEOUT, peak_memory=9), fingerprint="new")
    past = footprints.newest(database, "command", "solver", "new")
    assert ([run.peak for run in past.runs], past.own) == ([9, 5], False)
    note(database, Outcome(Cause.SUCCEEDED, peak_memory=7), fingerprint="new")
    past = footprints.newest(database, "command", "solver", "new")
    assert ([run.peak for run in past.runs], past.own) == ([7, 9], True)
    assert [run.peak for run in newest(database, fingerprint="old")] == [5]


def test_a_run_that_was_never_measured_teaches_nothing(database: Database) -> None:
    assert not note(database, Outcome(Cause.SUCCEEDED))


def test_programs_are_told_apart_and_of_each_the_newest_stay(database: Database) -> None:
    note(database, Outcome(Cause.SUCCEEDED, peak_memory=7), ("other",))
    for peak in range(1, RUNS_KEPT + 6):
        note(database, Outcome(Cause.SUCCEEDED, peak_memory=peak))
    found = newest(database)
    assert [run.peak for run in found] == list(range(RUNS_KEPT + 5, 5, -1))
    assert database.execute("SELECT count(*) FROM footprint").fetchone()[0] == RUNS_KEPT + 1
    assert [run.peak for run in newest(database, "other")] == [7]
