"""What a sidecar answers, as docs/http.md says: documents for tests, whole but for the fields they change."""

from __future__ import annotations

from collections import Counter
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "case": {"type": "string", "default": "base"},
        "year": {"type": "integer", "minimum": 2020, "maximum": 2050, "description": "Last year"},
        "mode": {"enum": ["slow", "fast", 3]},
        "argv": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["year"],
}
RESOURCES = {"memory": 2**30, "cores": 1, "timeout": 3600.0, "attempts": 3, "reuse": False}

RUN = {
    "workspace": None, "copy": [], "link": [], "keep": [], "drop": [], "manner": "side by side", "why": None,
}  # fmt: skip


def attempt(number: int = 1, **fields: Any) -> dict[str, Any]:
    """An attempt as clients read it."""
    return {
        "number": number, "worker_id": "3f9a1c20", "pid": 123, "started_at": "2026-01-15T10:00:00.000Z",
        "finished_at": None, "cause": None, "exit_code": None, "signal": None, "evidence": None,
        "error_tail": "", "peak_memory": None, "cpu_seconds": None, "seconds": None, "remarks": [],
    } | fields  # fmt: skip


def task(task_id: str, **fields: Any) -> dict[str, Any]:
    """A task as clients read it."""
    return {
        "task_id": task_id, "simulation": "demo", "parameters": {}, "label": "", "state": "READY",
        "cause": None,
        "priority": 0, "queue": "default", "tags": [], "sweep_id": None, "key": None,
        "queued_at": "2026-01-15T09:59:00.000Z", "started_at": None, "finished_at": None, "not_before": None,
        "after": [], "worker_id": None, "attempt": 0, "max_attempts": 3, "timeout": 3600.0,
        "memory": {"claim": 2**30, "source": "simulation", "peak": None}, "cpu_seconds": None,
        "progress": None,
        "message": None, "eta": None, "suspended": False, "waiting_for": None, "checkpoint_at": None,
        "unsaved": None, "result": None, "attempts": [],
    } | fields  # fmt: skip


def ended(task_id: str, state: str = "SUCCEEDED", cause: str = "succeeded", **fields: Any) -> dict[str, Any]:
    """A task whose first attempt has ended; fields go to that attempt."""
    times = {"started_at": "2026-01-15T10:00:00.000Z", "finished_at": "2026-01-15T10:05:00.000Z"}
    how = {"seconds": 300.0, "cause": cause, "exit_code": 0, "evidence": "exit code 0"}
    last = attempt(**{**times, **how, **fields})
    return task(task_id, state=state, cause=cause, attempt=1, attempts=[last], **times)


def sweep(sweep_id: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    counts = Counter(one["state"] for one in tasks)
    states = ("READY", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED")
    done = sum(counts[state] for state in states[2:])
    return {
        "sweep_id": sweep_id, "simulation": tasks[0]["simulation"], "name": "", "key": None,
        "queued_at": tasks[0]["queued_at"], "total": len(tasks),
        "counts": {state: counts[state] for state in states}, "progress": done / len(tasks),
    }  # fmt: skip
