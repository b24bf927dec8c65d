"""A yard that shows every state and flag at once, before the fake supervisor: no real one stands still so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
GIB = 2**30


def moment(seconds: float) -> str:
    """So many seconds from now, ISO-8601."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")[:-6] + "Z"


def worker(worker_id: str, state: str, **more: Any) -> Json:
    """A worker as the status shows it."""
    live = state in ("RUNNING", "DRAINING")
    figures: Json = {
        "worker_id": worker_id,
        "pid": 20_000 + int(worker_id[:3], 16),
        "state": state,
        "heartbeat": None if state == "STARTING" else moment(-11),
        "memory": 5 * GIB if live else None,
        "cpu": 187.4 if live else None,
        "started_at": moment(-5000),
        "heartbeat_age": 11.0,
        "stalled": False,
        "dead": False,
        "queue": "default",
        "reason": None,
        "error_tail": "",
        "forced": False,
        "tasks_done": 7,
        "tasks_failed": 1,
        "task": None,
    }
    return {**figures, **more}


def on_worker(task_id: str, label: str, **more: Any) -> Json:
    """A task as a worker's card has it."""
    known: Json = {
        "task_id": task_id,
        "simulation": "steel-pathway",
        "label": label,
        "attempt": 1,
        "progress": 0.42,
        "eta": moment(9000),
        "checkpoint_at": moment(-95),
        "unsaved": 95.0,
        "suspended": False,
        "quiet": False,
    }
    return {**known, **more}


def task(task_id: str, state: str, label: str, **more: Any) -> Json:
    """A task as the list shows it."""
    ended = state not in ("READY", "RUNNING")
    known: Json = {
        "task_id": task_id,
        "simulation": "steel-pathway",
        "label": label,
        "state": state,
        "cause": None,
        "attempt": 1,
        "queued_at": moment(-7300),
        "started_at": moment(-7000),
        "finished_at": moment(-600) if ended else None,
        "progress": 0.42,
        "message": "year 2033 of 2050",
        "eta": moment(9000) if state == "RUNNING" else None,
        "suspended": False,
        "waiting_for": "needs 8.0 GiB, 3.1 GiB are free" if state == "READY" else None,
        "checkpoint_at": moment(-95),
        "unsaved": 95.0 if state == "RUNNING" else None,
    }
    return {**known, **more}


def workers() -> list[Json]:
    """One of each state, and each flag, seen now."""
    return [
        worker("3f9a1c20", "RUNNING", task=on_worker("t1", "net-zero, carbon price 200")),
        worker(
            "8b21d0e4",
            "DRAINING",
            task=on_worker("t2", "reference", progress=None, eta=None, checkpoint_at=None, quiet=True),
        ),
        worker("51c07aa9", "STARTING", tasks_done=0, tasks_failed=0, forced=True),
        worker(
            "c90e4471", "RUNNING", stalled=True, task=on_worker("t3", "scrap 95 %", suspended=True, eta=None)
        ),
        worker("a77b10f3", "RUNNING", dead=True, tasks_done=112),
        worker(
            "0d4482be",
            "FAILED",
            reason="it crashed: ended by signal 9",
            error_tail="2026-11-23 17:41:02 task t0 attempt 1\nTraceback (most recent call last):\n"
            "  <b>MemoryError</b>",
        ),
        worker("e6615b9d", "DEAD", reason="drained by the user"),
    ]


def tasks() -> list[Json]:
    """The oldest first, as they were submitted."""
    return [
        task("t0", "FAILED", "hydrogen 1.5 $/kg", cause="memory_guard", progress=0.77),
        task("t5", "CANCELLED", "test run", cause="cancelled", progress=None),
        task("t4", "SUCCEEDED", "reference, carbon price 0", progress=1.0, cause="succeeded"),
        task("t3", "RUNNING", "scrap 95 %", suspended=True, eta=None),
        task("t2", "RUNNING", "reference", progress=None, eta=None, message=None),
        task("t1", "RUNNING", "net-zero, carbon price 200"),
        task("t6", "READY", "<img src=x onerror=alert(1)>", attempt=0, progress=None),
    ]


NO_ROOM: Json = {
    "workers": 0,
    "prompt": "insufficient_memory",
    "need": 8 * GIB,
    "headroom": 3 * GIB,
    "closable": [{"name": "firefox", "memory": 4 * GIB}],
    "answered": False,
    "start_worker": False,
}
"""What the startup question says then."""


def samples(task_id: str) -> list[Json]:
    """A task's memory over the last 5 minutes: it grows year by year, and is given back between two."""
    return [
        {
            "attempt": 1,
            "at": moment(age - 300),
            "memory": (2 + age // 60 + (age % 60) / 40) * GIB,
            "cpu": 100.0,
        }
        for age in range(0, 300, 5)
    ]
