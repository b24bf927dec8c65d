"""Each invariant is seen to fail: a real history is doctored so that one thing is wrong."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import evidence, invariants
from tests.helpers.invariants import Note, Record
from tests.helpers.journey import Journey
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are known by /proc/<pid>/environ here"
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journey, Record]]:
    """A journey at rest: a task that succeeded at its second attempt, and one that failed."""
    with Journey(tmp_path_factory.mktemp("journey")) as journey:
        journey.ends(journey.submit(0.0, "fail-first", attempts=1))
        lost = journey.submit(0.5)
        journey.runs(lost)
        journey.kill()
        assert journey.ends(lost)["attempt"] == 2
        yield journey, journey.settle()


def task(record: Record, state: str) -> dict[str, Any]:
    return next(one for one in record.tasks if one["state"] == state)


def attempt(record: Record, number: int) -> dict[str, Any]:
    done = task(record, "SUCCEEDED")["id"]
    return next(one for one in record.attempts if (one["task_id"], one["number"]) == (done, number))


def event(record: Record, state: str) -> dict[str, Any]:
    return next(e for e in reversed(record.events) if e["kind"] == "task" and e["data"]["state"] == state)


def notes(record: Record) -> list[Note]:
    return record.journals[task(record, "SUCCEEDED")["id"]]


def without_the_first(record: Record) -> None:
    assert record.events[0]["kind"] == "worker"  # a task's would break its story as well
    del record.events[0]


DOCTORED: list[tuple[str, str, Callable[[Record], object]]] = [
    ("no_task_is_lost", "was told of more than there is", lambda r: r.acknowledged.add("0123456789ab")),
    ("no_task_is_lost", "a key twice", lambda r: [one.update(key="1") for one in r.tasks]),
    ("one_outcome_each", "an attempt without an end", lambda r: attempt(r, 1).update(cause=None)),
    ("one_outcome_each", "two that succeeded", lambda r: attempt(r, 1).update(cause="succeeded")),
    ("one_outcome_each", "an attempt is missing", lambda r: task(r, "FAILED").update(attempt=2)),
    ("one_outcome_each", "ended twice", lambda r: event(r, "RUNNING")["data"].update(state="SUCCEEDED")),
    ("one_outcome_each", "never claimed", lambda r: event(r, "RUNNING")["data"].update(state="READY")),
    (
        "no_result_of_an_old_attempt",
        "the first attempt's result",
        lambda r: task(r, "SUCCEEDED").update(result={"attempt": 1}),
    ),
    ("no_result_of_an_old_attempt", "it never ended", lambda r: notes(r).pop()),
    ("one_live_claim", "two at once", lambda r: notes(r).append(Note(2, "doubled", 1, 0.0))),
    ("one_live_claim", "began twice", lambda r: notes(r).append(Note(2, "begin", 1, 0.0))),
    ("one_live_claim", "nobody claimed it", lambda r: notes(r).append(Note(3, "begin", 1, 0.0))),
    ("no_orphan", "somebody lives", lambda r: r.living.update({1: "init"})),
    ("no_leaked_claim", "a worker's row lives on", lambda r: r.wanted.clear() or r.living.clear()),
    ("no_leaked_claim", "a task is held", lambda r: r.held.append("0123456789ab")),
    (
        "no_leaked_claim",
        "memory is promised",
        lambda r: setattr(r, "memory", r.memory and r.memory._replace(headroom=r.memory.headroom - 1)),
    ),
    ("events_without_gap", "a gap", lambda r: r.events.remove(r.events[3])),
    ("events_without_gap", "a repetition", lambda r: r.events.append({**r.events[-1], "kind": "worker"})),
    ("events_without_gap", "no beginning", without_the_first),
    ("sound_database", "SQLite complains", lambda r: r.integrity.append("row 1 missing from index")),
]


def test_a_real_history_keeps_them_all(real: tuple[Journey, Record]) -> None:
    _, record = real
    assert invariants.broken(record) == {}
    assert [len(record.tasks), len(record.acknowledged), len(record.attempts)] == [2, 2, 3]
    assert record.memory is not None and len(record.living) == len(record.wanted) == 2


@pytest.mark.parametrize(("name", "how", "doctor"), DOCTORED, ids=[f"{n}: {h}" for n, h, _ in DOCTORED])
def test_a_doctored_history_is_seen(
    real: tuple[Journey, Record], name: str, how: str, doctor: Callable[[Record], object]
) -> None:
    record = copy.deepcopy(real[1])
    doctor(record)
    assert set(invariants.broken(record)) == {name}


def test_every_invariant_was_seen_to_fail() -> None:
    assert {name for name, _, _ in DOCTORED} == set(invariants.INVARIANTS)


def test_a_task_that_does_not_end_is_seen(real: tuple[Journey, Record]) -> None:
    record = copy.deepcopy(real[1])
    task(record, "FAILED").update(state="READY")
    assert "is still READY" in invariants.broken(record)["no_task_is_lost"][0]


def test_what_lives_is_found_by_its_mark_and_not_by_its_name(real: tuple[Journey, Record]) -> None:
    journey, record = real
    for mark, seen in ((journey.mark, True), ("0" * 32, False)):
        with subprocess.Popen(["sleep", "60"], env={**os.environ, evidence.MARK: mark}) as stranger:
            try:
                eventually(lambda: "sleep" in Path(f"/proc/{stranger.pid}/cmdline").read_text())
                later = copy.deepcopy(record)
                later.living = evidence.living(journey.mark)
                assert (set(invariants.broken(later)) == {"no_orphan"}) is seen
            finally:
                stranger.kill()


def test_a_database_with_a_row_too_many_is_seen(real: tuple[Journey, Record], tmp_path: Path) -> None:
    journey, _ = real
    for path in journey.data.glob("steelyard.db*"):
        shutil.copy(path, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "steelyard.db")) as connection:
        connection.execute("UPDATE attempt SET task_id = 'nobody' WHERE number = 2")
        connection.commit()
        record = evidence.history(tmp_path, journey.witnesses, journey.acknowledged)
    assert "sound_database" in invariants.broken(record)
