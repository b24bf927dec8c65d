"""Short words for what tests ask of a running sidecar's API, with patience where patience is due."""

from __future__ import annotations

import sys
from typing import Any

import httpx

from tests.helpers.waiting import eventually

PATIENCE = 30.0
Json = dict[str, Any]


def workers(client: httpx.Client) -> list[Json]:
    """Every listed worker."""
    found: list[Json] = client.get("/api/workers/status/").json()["workers"]
    return found


def worker(client: httpx.Client, worker_id: str) -> Json:
    """One listed worker."""
    return next(one for one in workers(client) if one["worker_id"] == worker_id)


def worker_reaches(client: httpx.Client, worker_id: str, state: str) -> Json:
    """The worker, once it is in that state."""
    return eventually(
        lambda: next(
            (one for one in workers(client) if one["worker_id"] == worker_id and one["state"] == state), None
        ),
        within=PATIENCE,
    )


def all_run(client: httpx.Client, count: int) -> list[Json]:
    """The workers, once `count` of them are RUNNING and none is anything else."""

    def found() -> list[Json] | None:
        states = [one["state"] for one in workers(client)]
        return workers(client) if states == ["RUNNING"] * count else None

    return eventually(found, within=PATIENCE)


def submit(client: httpx.Client, argv: list[str], **more: Any) -> str:
    """Queue a program; its task id."""
    body = {"simulation": "command", "parameters": {"argv": argv}, **more}
    answer = client.post("/api/tasks/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def submit_python(client: httpx.Client, program: str, *arguments: str, **more: Any) -> str:
    """Queue a Python program; its task id."""
    return submit(client, [sys.executable, "-c", program, *arguments], **more)


def task(client: httpx.Client, task_id: str) -> Json:
    """One task."""
    found: Json = client.get(f"/api/tasks/{task_id}/").json()
    return found


def reaches(client: httpx.Client, task_id: str, *states: str) -> Json:
    """The task, once it is in one of these states."""

    def found() -> Json | None:
        now = task(client, task_id)
        return now if now["state"] in states else None

    return eventually(found, within=PATIENCE)


def ends(client: httpx.Client, task_id: str) -> Json:
    """The task, once it has ended."""
    return reaches(client, task_id, "SUCCEEDED", "FAILED", "CANCELLED")


def log(client: httpx.Client, task_id: str, tail: int = 100_000) -> str:
    """The last characters of its output."""
    text: str = client.get(f"/api/tasks/{task_id}/log/", params={"tail": tail}).json()["text"]
    return text


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
