"""A crash at every step: sidecar or agent dies at each fault point, is started again, and nothing is lost.

Each test is a story that leads a real sidecar past some of the points of machine/faultpoints.py; it dies at
them one after the other, by kill -9 and by _exit in turn, at the first and at the second pass. The run prints
how many points were reached; a story whose point is never reached does not come to its end and fails.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steelyard.machine.faultpoints import POINTS
from steelyard.store.tables import SCHEMA_VERSION
from tests.helpers import api, armed, evidence, invariants
from tests.helpers.journey import Entry, Journey

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc/<pid>/environ here"),
    pytest.mark.timeout(300),
]

COMMIT = ("before_commit", "after_commit")


def work(journey: Journey) -> None:
    """Two tasks, one after the other, from submit to result."""
    for task_id in [journey.submit(), journey.submit()]:
        assert journey.ends(task_id)["state"] == "SUCCEEDED"


def fail_and_try_again(journey: Journey) -> None:
    """An attempt that fails waits for its back-off, is woken, and succeeds."""
    assert journey.ends(journey.submit(0.0, "fail-first"))["state"] == "SUCCEEDED"


def retry(journey: Journey) -> None:
    """A task that has failed for good, and a user who tries it again."""
    task_id = journey.submit(0.0, "fail-first", attempts=1)
    if journey.ends(task_id)["state"] == "FAILED":
        # 409 where the retry was committed and its answer lost.
        answer = journey.ask(lambda client: client.post(f"/api/tasks/{task_id}/retry/"))
        assert answer.status_code in (200, 409), answer.text
    assert journey.ends(task_id)["state"] == "SUCCEEDED"


def cancel(journey: Journey) -> None:
    """A task that runs for ever, and a user who cancels it until he is told that it is done."""
    task_id = journey.submit(600, "children")
    while journey.runs(task_id)["state"] == "RUNNING":
        answer = journey.ask(lambda client: client.post(f"/api/tasks/{task_id}/cancel/"))
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200:
            journey.ends(task_id)
    assert journey.row(task_id)["state"] == "CANCELLED"


def begin(journey: Journey) -> None:
    """A start with a worker, which takes a task."""
    journey.kill()
    assert journey.ends(journey.submit())["state"] == "SUCCEEDED"


def drain(journey: Journey) -> None:
    """A worker leaves, another one comes."""
    leaving = journey.until(lambda: _live(journey))[0]["id"]
    answer = journey.ask(lambda client: client.post(f"/api/workers/{leaving}/drain/"))
    assert answer.status_code in (200, 409), answer.text
    journey.until(lambda: leaving not in [one["id"] for one in _live(journey)])
    _have_a_worker(journey)
    assert journey.ends(journey.submit())["state"] == "SUCCEEDED"


def abort(journey: Journey) -> None:
    """A worker is aborted with its task, which ends FAILED; if the sidecar forgot, the user asks again."""
    task_id = journey.submit(600, "children")
    while (row := journey.runs(task_id))["state"] == "RUNNING":
        address = f"/api/workers/{row['worker_id']}/abort/?confirm=yes"
        journey.ask(lambda client, address=address: client.post(address))  # type: ignore[misc]
    assert (row["state"], row["cause"]) == ("FAILED", "aborted")
    _have_a_worker(journey)


def recover(journey: Journey) -> None:
    """A kill amid a task, and the next start."""
    task_id = journey.submit(0.3, "children")
    if journey.runs(task_id)["state"] == "RUNNING":
        journey.kill()
    assert journey.ends(task_id)["state"] == "SUCCEEDED"


def _live(journey: Journey) -> list[dict[str, Any]]:
    sql = "SELECT id FROM worker WHERE state IN ('STARTING', 'RUNNING')"
    return evidence.query(journey.data, sql)


def _have_a_worker(journey: Journey) -> None:
    if not _live(journey):
        journey.ask(lambda client: client.post("/api/workers/add/"))


def both(*steps: str) -> list[tuple[str, str]]:
    """Before and after the commits of these steps."""
    return [(step, moment) for step in steps for moment in COMMIT]


def all_of(*steps: str) -> list[tuple[str, str]]:
    """Every moment of these steps."""
    return [(step, moment) for step in steps for moment in POINTS[step]]


Story = tuple[Callable[[Journey], None], list[tuple[str, str]]]
STORIES: dict[str, Story] = {
    "submit": (work, [*both("submit"), ("answer", "after_send")]),
    "claim and start": (work, all_of("claim", "start", "task", "started", "note_start")),
    "progress": (work, all_of("progress", "checkpointed", "note_checkpoint")),
    "finish": (work, all_of("ended", "finish")),
    "wake": (fail_and_try_again, all_of("wake")),
    "retry": (retry, all_of("retry")),
    "cancel": (cancel, all_of("cancel", "stop")),
    "worker": (begin, all_of("add_worker", "worker", "hello", "ready", "greet")),
    "drain": (drain, all_of("drain", "exit", "end_worker")),
    "abort": (abort, all_of("abort")),
    "recover": (recover, all_of("recover")),
}
MIGRATION = all_of("migrate")

SEEN: set[str] = set()
"""Points at which something died, over all stories of this run."""


def plan(points: list[tuple[str, str]], *, twice: bool) -> list[Entry]:
    """Each point once: killed or left by turns, and at the second pass for every second pair if `twice`.

    What is received comes first: right after `after_send` it would be the second death of the same moment.
    """
    ordered = sorted(points, key=lambda point: point[1] != "received")
    return [
        (step, moment, 2 if twice and index % 4 >= 2 else 1, ("kill", "exit")[index % 2])
        for index, (step, moment) in enumerate(ordered)
    ]


def test_every_point_has_its_story() -> None:
    told = [point for _, points in STORIES.values() for point in points] + MIGRATION
    assert len(told) == len(set(told))
    assert set(told) == {(step, moment) for step, moments in POINTS.items() for moment in moments}


@pytest.mark.parametrize("name", STORIES)
def test_a_crash_at_every_step_loses_nothing(
    tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    deed, points = STORIES[name]
    with Journey(tmp_path, plan(points, twice=deed is work)) as journey:
        while not journey.is_done:
            before = journey.fired
            deed(journey)
            assert journey.fired > before, f"never reached: {journey.plan[before]}"
        record = journey.settle()
        assert invariants.broken(record) == {}
        for step, moment in points:
            record_property("fault point", f"{step}.{moment}")
        record_property("lives", journey.lives)


def test_a_crash_amid_a_migration_loses_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """First of an empty file, then of one with tasks: the old tables with all rows, or the new ones."""
    entries: list[Entry] = [("migrate", moment, 1, "kill") for moment in COMMIT]
    entries += [(step, moment, 1, "exit") for step, moment in MIGRATION]
    with Journey(tmp_path, entries) as journey:
        work(journey)
        assert journey.fired == len(COMMIT)
        journey.environment[armed.NEXT_SCHEMA] = "yes"
        journey.kill()
        work(journey)
        assert journey.is_done
        record = journey.settle()
        assert invariants.broken(record) == {}
        assert evidence.query(journey.data, "PRAGMA user_version") == [{"user_version": SCHEMA_VERSION + 1}]
        with sqlite3.connect(journey.data / f"steelyard.db.backup-v{SCHEMA_VERSION}") as backup:
            assert backup.execute("SELECT count(*) FROM task").fetchone()[0] == 2
        backup.close()
        for step, moment in MIGRATION:
            record_property("fault point", f"{step}.{moment}")


def test_a_disk_that_is_full_at_a_commit_is_told_and_changes_nothing(tmp_path: Path) -> None:
    """The third thing that can be armed: the place goes on living, and what it does fails."""
    with Journey(tmp_path, [("submit", "before_commit", 1, "full")]) as journey:
        body = {"simulation": "command", "parameters": {"argv": ["true"]}}
        refused = journey.ask(lambda client: client.post("/api/tasks/", json=body))
        assert api.code(refused) == (507, "storage_full")
        assert journey.is_done and evidence.query(journey.data, "SELECT * FROM task") == []
        work(journey)
        assert invariants.broken(journey.settle()) == {}
        assert journey.lives == 1
