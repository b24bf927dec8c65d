"""The order in which tasks start, and why one waits: with real workers that tell when they began."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers import api
from tests.helpers.reach import async_client_of
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path_factory.mktemp("queue") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 1)
        yield found
        for one in found.get("/api/tasks/?state=READY,RUNNING&limit=1000").json()["tasks"]:
            found.post(f"/api/tasks/{one['task_id']}/cancel/")
        eventually(lambda: found.get("/api/workers/status/").json()["queue"]["running"] == 0, within=PATIENCE)


class Line:
    """A worker that is held busy, and a list of who started after it was let go."""

    def __init__(self, client: httpx.Client, folder: Path) -> None:
        self._client = client
        self.go, self.told = folder / "go", folder / "told"
        self.told.touch()
        self.first = api.submit(client, ["sh", "-c", f"while [ ! -e {self.go} ]; do sleep 0.02; done"])
        api.reaches(client, self.first, "RUNNING")

    def argv(self, name: str) -> list[str]:
        return ["sh", "-c", f"echo {name} >> {self.told}"]

    def add(self, name: str, **more: Any) -> str:
        return api.submit(self._client, self.argv(name), **more)

    def order(self, count: int) -> list[str]:
        self.go.touch()
        eventually(lambda: len(self.told.read_text().split()) >= count, within=PATIENCE)
        return self.told.read_text().split()


@pytest.fixture
def line(client: httpx.Client, tmp_path: Path) -> Line:
    return Line(client, tmp_path)


def test_first_come_first_served_within_a_priority(line: Line) -> None:
    for name in "abcde":
        line.add(name)
    assert line.order(5) == list("abcde")


def test_a_higher_priority_goes_first(client: httpx.Client, line: Line) -> None:
    line.add("low", priority=-100)
    line.add("middle")
    line.add("high", priority=100)
    raised = line.add("raised")
    line.add("middle-two")
    assert client.patch(f"/api/tasks/{raised}/", json={"priority": 50}).status_code == 200
    assert line.order(5) == ["high", "raised", "middle", "middle-two", "low"]


def test_an_ordered_sweep_keeps_its_order(client: httpx.Client, line: Line) -> None:
    body = {"simulation": "command", "rows": [{"argv": line.argv(str(n))} for n in range(6)], "ordered": True}
    made = client.post("/api/sweeps/", json=body)
    assert made.status_code == 201 and len(made.json()["task_ids"]) == 6
    assert line.order(6) == list("012345")


def test_a_chain_runs_in_its_order_and_says_what_it_waits_for(client: httpx.Client, line: Line) -> None:
    first = line.add("first", priority=-5)
    second = line.add("second", after=[first])
    third = line.add("third", after=[first, second], priority=100)
    fourth = line.add("fourth", priority=1)
    assert api.task(client, second)["waiting_for"] == f"task {first}"
    assert api.task(client, third)["waiting_for"] == f"task {first}, {second}"
    assert api.task(client, fourth)["waiting_for"] == "a free worker: each one has a task"
    assert line.order(4) == ["fourth", "first", "second", "third"]


def test_a_chain_ends_with_its_first_failure(client: httpx.Client) -> None:
    bad = api.submit(client, ["false"], attempts=1)
    second = api.submit(client, ["true"], after=[bad])
    third = api.submit(client, ["true"], after=[second])
    done = api.ends(client, third)
    assert (done["state"], done["cause"]) == ("CANCELLED", "rejected")
    assert second in done["message"] and "CANCELLED" in done["message"]
    late = api.submit(client, ["true"], after=[bad])
    assert api.task(client, late)["state"] == "CANCELLED"
    refused = client.post(f"/api/tasks/{second}/retry/")
    assert api.code(refused) == (409, "conflict") and bad in refused.json()["error"]["message"]


def test_a_moment_is_waited_for(client: httpx.Client, line: Line) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    waiting, never = line.add("waiting", not_before=soon, priority=100), line.add("never", not_before=later)
    line.add("now")
    assert api.task(client, waiting)["waiting_for"].startswith("its time: 20")
    assert api.task(client, waiting)["not_before"].endswith("Z")
    assert line.order(2) == ["now", "waiting"]
    assert datetime.fromisoformat(api.task(client, waiting)["started_at"]) >= datetime.fromisoformat(soon)
    assert api.task(client, never)["state"] == "READY"


def test_a_queue_is_served_only_by_its_own_workers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        RunningSidecar(data, "--workers", "1", WORKER_QUEUE_NAME="night-run_2") as sidecar,
        sidecar.client() as client,
    ):
        [worker] = api.all_run(client, 1)
        assert worker["queue"] == "night-run_2"
        other = api.submit(client, ["true"])
        mine = api.submit(client, ["true"], queue="night-run_2")
        assert api.ends(client, mine)["worker_id"] is None
        assert api.task(client, mine)["attempts"][0]["worker_id"] == worker["worker_id"]
        left = api.task(client, other)
        assert (left["state"], left["queue"]) == ("READY", "default")
        assert left["waiting_for"] == 'a worker: none serves the queue "default"'


def test_the_same_key_at_once_makes_one_task(sidecar: RunningSidecar, client: httpx.Client) -> None:
    async def submit_all() -> list[httpx.Response]:
        async with async_client_of(sidecar.record) as many:
            body = {"simulation": "command", "parameters": {"argv": ["true"]}, "key": "only one"}
            return await asyncio.gather(*(many.post("/api/tasks/", json=body) for _ in range(30)))

    answers = asyncio.run(submit_all())
    assert sorted(answer.status_code for answer in answers) == [200] * 29 + [201]
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    task_id = answers[0].json()["task_id"]
    assert api.ends(client, task_id)["key"] == "only one"
    body: api.Json = {"simulation": "command", "parameters": {"argv": ["true"]}, "key": "only one"}
    again = client.post("/api/tasks/", json=body)
    assert (again.status_code, again.json()) == (200, {"task_id": task_id, "new": False})
    other = client.post("/api/tasks/", json={**body, "parameters": {"argv": ["false"]}})
    assert other.status_code == 409 and other.json()["error"]["detail"]["task_id"] == task_id


def test_why_a_task_waits_is_said_with_figures(tmp_path: Path) -> None:
    """Two workers; one has a task that claims most of the memory, so that the next cannot start."""
    with (
        RunningSidecar(tmp_path / "data", "--workers", "2", WORKER_CORES="2") as sidecar,
        sidecar.client() as client,
    ):
        api.all_run(client, 2)
        half = f"{int(MEMORY * 0.6)}"
        first = api.submit(client, ["sleep", "600"], memory=half)
        api.reaches(client, first, "RUNNING")
        second = api.submit(client, ["true"], memory=half)
        why = eventually(
            lambda: (lambda words: words if "needs" in words else None)(
                api.task(client, second)["waiting_for"]
            ),
            within=PATIENCE,
        )
        assert why.startswith("needs ") and "GiB" in why and "free" in why
        small = api.submit(client, ["true"], memory="1MiB")
        assert api.ends(client, small)["state"] == "SUCCEEDED"
        too_large = client.post(
            "/api/tasks/",
            json={"simulation": "command", "parameters": {"argv": ["true"]}, "memory": MEMORY * 2},
        )
        assert api.code(too_large) == (409, "will_never_fit")
        forced = api.submit(client, ["true"], memory=MEMORY * 2, force=True)
        api.reaches(client, forced, "READY")
        client.post(f"/api/tasks/{first}/cancel/").raise_for_status()
        assert api.ends(client, second)["state"] == "SUCCEEDED"


def test_ten_thousand_tasks_go_in_at_once_or_not_at_all(tmp_path: Path) -> None:
    task = {"simulation": "command", "parameters": {"argv": ["true"]}}
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        seq = client.get("/api/workers/status/").json()["seq"]
        for wrong, status in (
            ({**task, "parameters": {"argv": []}}, (422, "invalid_parameters")),
            ({**task, "simulation": "unknown"}, (404, "not_found")),
            ({**task, "memory": "much"}, (400, "invalid_request")),
            ({**task, "timeout": "soon"}, (400, "invalid_request")),
            ({**task, "not_before": "soon"}, (400, "invalid_request")),
            ({**task, "memory": "60TiB"}, (409, "will_never_fit")),
        ):
            refused = client.post("/api/tasks/batch/", json={"tasks": [*[task] * 3, wrong]})
            assert api.code(refused) == status
            assert refused.json()["error"]["detail"]["task"] == 3
            assert "Task 4 of the request" in refused.json()["error"]["message"]
        for tasks in ([*[task] * 9_999, {**task, "after": ["nobody"]}], [task] * 10_001, []):
            assert api.code(client.post("/api/tasks/batch/", json={"tasks": tasks})) == (
                400,
                "invalid_request",
            )
        assert client.get("/api/workers/status/").json()["seq"] == seq
        made = client.post("/api/tasks/batch/", json={"tasks": [task] * 10_000})
        assert made.status_code == 201 and len(set(made.json()["task_ids"])) == 10_000
        assert client.get("/api/workers/status/").json()["queue"]["pending"] == 10_000
        listed = client.get("/api/tasks/?limit=2").json()
        assert [one["task_id"] for one in listed["tasks"]] == made.json()["task_ids"][:-3:-1]
        grid = {"a": list(range(101)), "b": list(range(100))}
        sweep = client.post("/api/sweeps/", json={"simulation": "command", "grid": grid})
        assert api.code(sweep) == (400, "invalid_request")
        assert "10,100" in sweep.json()["error"]["message"]
        rows = [{"argv": ["true"]}] * 10_001
        assert api.code(client.post("/api/sweeps/", json={"simulation": "command", "rows": rows}))[0] == 400
        assert client.get("/api/workers/status/").json()["queue"]["pending"] == 10_000
