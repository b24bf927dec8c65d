"""What attempts took: kept where it teaches something, the newest first, and only so many."""

from __future__ import annotations

import pytest

from steelyard.rules.footprint import RUNS_KEPT
from steelyard.rules.states import Cause
from steelyard.store import footprints, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Database
from tests.unit.store.making import NOW, new, submit

GIB = 2**30


def note(database: Database, outcome: Outcome, argv: tuple[str, ...] = ("solver", "4")) -> bool:
    (task_id,) = submit(database, new(parameters={"argv": list(argv)}))
    row = tasks.row(database, task_id)
    assert row is not None
    return database.change_now(lambda change: footprints.note(change, row, outcome, 12.5, NOW))


def test_a_completed_run_is_kept_with_what_it_took(database: Database) -> None:
    assert note(database, Outcome(Cause.SUCCEEDED, peak_memory=GIB))
    (run,) = footprints.newest(database, "command", "solver")
    assert (run.parameters, run.peak, run.duration, run.complete) == (
        {"0": "solver", "1": 4.0},
        GIB,
        12.5,
        True,
    )


@pytest.mark.parametrize("cause", [Cause.MEMORY_GUARD, Cause.KERNEL_OOM])
def test_a_run_that_was_ended_for_memory_is_a_lower_bound(database: Database, cause: Cause) -> None:
    assert note(database, Outcome(cause, peak_memory=GIB))
    (run,) = footprints.newest(database, "command", "solver")
    assert (run.peak, run.duration, run.complete) == (GIB, None, False)


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in footprints.TEACHES])
def test_no_other_end_teaches_anything(database: Database, cause: Cause) -> None:
    assert not note(database, Outcome(cause, peak_memory=GIB))
    assert footprints.newest(database, "command", "solver") == []


def test_a_run_that_was_never_measured_teaches_nothing(database: Database) -> None:
    assert not note(database, Outcome(Cause.SUCCEEDED))


def test_programs_are_told_apart_and_of_each_the_newest_stay(database: Database) -> None:
    note(database, Outcome(Cause.SUCCEEDED, peak_memory=7), ("other",))
    for peak in range(1, RUNS_KEPT + 6):
        note(database, Outcome(Cause.SUCCEEDED, peak_memory=peak))
    found = footprints.newest(database, "command", "solver")
    assert [run.peak for run in found] == list(range(RUNS_KEPT + 5, 5, -1))
    assert database.execute("SELECT count(*) FROM footprint").fetchone()[0] == RUNS_KEPT + 1
    assert [run.peak for run in footprints.newest(database, "command", "other")] == [7]
