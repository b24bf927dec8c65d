"""Databases and tasks for the tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steelyard.rules.retry import Decision
from steelyard.rules.states import Cause, TaskState
from steelyard.store import claims, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Database
from steelyard.store.tasks import NewTask
from tests.fakes.clocks import FakeClocks

NOW = 1768473000.0
"""2026-01-15T10:30:00Z, where the fake clocks start."""


def opened(path: Path, clocks: FakeClocks | None = None) -> Database:
    """The database at path, made if it is not there."""
    return Database.open(path, clocks or FakeClocks(), lambda name, detail: None)


def new(**changes: Any) -> NewTask:
    """A task of 1 GiB, unless changed."""
    fields: dict[str, Any] = {
        "simulation": "command",
        "parameters": {"argv": ["true"]},
        "claim": 2**30,
        "claim_source": "default",
    }
    return NewTask(**{**fields, **changes})


def submit(database: Database, *wanted: NewTask) -> list[str]:
    """Queue tasks; their ids."""
    return [task_id for task_id, _ in database.change_now(lambda change: tasks.insert(change, wanted))]


def run(database: Database, task_id: str, worker: str = "w1", now: float = NOW) -> int:
    """Claim a task; the number of its attempt."""
    number = database.change_now(lambda change: claims.claim(change, task_id, worker, now))
    assert number is not None
    return number


def decision(state: TaskState, delay: float = 0.0, claim: int | None = None) -> Decision:
    """A decision of the retry rule."""
    return Decision(state=state, delay=delay, claim=claim, counted=False, reason="because")


def end(
    database: Database,
    task_id: str,
    number: int,
    state: TaskState = TaskState.SUCCEEDED,
    *,
    worker: str = "w1",
    now: float = NOW + 60,
    delay: float = 0.0,
    raised: int | None = None,
    **outcome: Any,
) -> bool:
    """Finish an attempt."""
    default = {
        TaskState.SUCCEEDED: Cause.SUCCEEDED,
        TaskState.CANCELLED: Cause.CANCELLED,
        TaskState.FAILED: Cause.ERROR,
        TaskState.READY: Cause.ERROR,
    }[state]
    how = Outcome(**{"cause": default, **outcome})
    return database.change_now(
        lambda change: claims.finish(
            change, task_id, number, worker, how, decision(state, delay, raised), now
        )
    )


def view(database: Database, task_id: str) -> dict[str, Any]:
    """The task as the API shows it."""
    found = tasks.view(database, task_id)
    assert found is not None
    return found


def state(database: Database, task_id: str) -> str:
    """The task's state."""
    return str(view(database, task_id)["state"])
