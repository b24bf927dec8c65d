"""A real sidecar in a control group with a real limit, where the kernel really kills."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steelyard.supervisor.scale import OOM_SAMPLES
from tests.helpers import api
from tests.helpers.cgroup import Limited, limited
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

MIB = 2**20
TOTAL = 1024 * MIB
GUARD = 256 * MIB

HOLDS = """
import sys, time
held = bytearray(int(sys.argv[1]) * 2**20)
for page in range(0, len(held), 4096):
    held[page] = 1
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    time.sleep(0.05)
"""
LEAKS = """
import time
held = []
while True:
    held.append(bytearray(b"x" * 2**20) * 10)
    time.sleep(0.05)
"""
READS = """
import os, sys, time
with open("read", "wb") as file:
    for _ in range(450):
        file.write(os.urandom(2**20))
deadline = time.monotonic() + float(sys.argv[1])
while time.monotonic() < deadline:
    with open("read", "rb") as file:
        while file.read(2**20):
            pass
"""
GRABS = "held = bytearray(b'x' * 2**20) * 4096"


@pytest.fixture
def group() -> Iterator[Limited]:
    with limited(TOTAL) as made:
        yield made


@pytest.fixture
def sidecar(group: Limited, tmp_path: Path) -> Iterator[RunningSidecar]:
    with inside(group, tmp_path, GUARD) as running:
        yield running


@contextlib.contextmanager
def inside(group: Limited, folder: Path, guard: int) -> Iterator[RunningSidecar]:
    program = (*group.enter, sys.executable, "-m", "steelyard")
    with RunningSidecar(
        folder / "data", "--workers", "4", program=program, WORKER_MEMORY_GUARD=str(guard)
    ) as running:
        assert running.ready
        yield running


def submit(client: httpx.Client, *argv: str, **more: Any) -> str:
    spec = {"simulation": "command", "parameters": {"argv": [sys.executable, "-c", *argv]}, **more}
    answer = client.post("/api/tasks/", json=spec)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def task(client: httpx.Client, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/tasks/{task_id}/").json()
    return found


def prompts(client: httpx.Client) -> list[dict[str, Any]]:
    events = client.get("/api/events/", params={"limit": 1000}).json()["events"]
    return [one["data"] for one in events if one["kind"] == "prompt"]


def test_the_limit_is_what_there_is_also_when_it_shrinks(group: Limited, sidecar: RunningSidecar) -> None:
    with sidecar.client() as client:

        def total() -> int:
            return int(client.get("/api/workers/status/").json()["memory"]["total"])

        assert total() == TOTAL
        group.limit(TOTAL // 2)
        eventually(lambda: total() == TOTAL // 2, within=10)


def test_a_small_machine_that_was_told_nothing_starts_a_worker_and_runs_its_tasks(
    group: Limited, tmp_path: Path
) -> None:
    program = (*group.enter, "env", "-u", "WORKER_PEAK_MEMORY", sys.executable, "-m", "steelyard")
    with (
        RunningSidecar(
            tmp_path / "data", "--workers", "2", program=program, WORKER_MEMORY_GUARD=str(GUARD)
        ) as sidecar,
        sidecar.client() as client,
    ):
        assert client.get("/api/startup/").json()["prompt"] is None
        assert len(api.all_run(client, 1)) == 1
        queued = [submit(client, HOLDS, "100", "0.1") for _ in range(2)]
        for one in queued:
            eventually(lambda one=one: task(client, one)["state"] == "SUCCEEDED", within=40)


def test_a_leak_costs_the_steady_ones_nothing_and_the_kernel_kills_nobody(
    group: Limited, sidecar: RunningSidecar
) -> None:
    with sidecar.client() as client:
        steady = [submit(client, HOLDS, "100", "8", memory="100MiB") for _ in range(2)]
        for one in steady:
            eventually(lambda one=one: task(client, one)["state"] == "RUNNING", within=20)
        leak = submit(client, LEAKS, memory="100MiB", label="leak")
        eventually(lambda: task(client, leak)["suspended"] or task(client, leak)["attempt"] > 1, within=30)
        for one in steady:
            eventually(lambda one=one: task(client, one)["state"] == "SUCCEEDED", within=40)
        assert group.oom_kills == 0
        assert all(len(task(client, one)["attempts"]) == 1 for one in steady)
        said = [one for one in prompts(client) if one.get("task_id") == leak]
        assert said and said[0]["step"] == "suspend" and "Task leak is suspended" in said[0]["text"]
        # Alone, it goes on until it uses more than the machine could ever give, and that is its end.
        eventually(lambda: task(client, leak)["state"] == "FAILED", within=60)
        ended = task(client, leak)
        assert (ended["cause"], group.oom_kills) == ("memory_guard", 0)
        assert "more than" in ended["attempts"][-1]["evidence"]


def test_a_limit_that_shrinks_under_running_tasks_costs_the_cheaper_one_and_kills_nobody(
    group: Limited, sidecar: RunningSidecar
) -> None:
    with sidecar.client() as client:
        old = submit(client, HOLDS, "250", "12", memory="300MiB")
        eventually(lambda: (task(client, old)["memory"]["peak"] or 0) > 240 * MIB, within=30)
        young = submit(client, HOLDS, "250", "12", memory="300MiB")
        eventually(lambda: (task(client, young)["memory"]["peak"] or 0) > 240 * MIB, within=30)
        # Both stay as they are, and there is room for little more.
        group.limit(TOTAL - 400 * MIB)
        eventually(
            lambda: len(task(client, young)["attempts"]) == 2 or ended_attempt(client, young), within=30
        )
        assert ended_attempt(client, young)["cause"] == "memory_guard"  # type: ignore[index]
        eventually(lambda: task(client, old)["state"] == "SUCCEEDED", within=40)
        assert len(task(client, old)["attempts"]) == 1 and group.oom_kills == 0
        client.post(f"/api/tasks/{young}/cancel/")


def test_files_that_a_task_reads_again_and_again_cost_nobody_anything(
    group: Limited, sidecar: RunningSidecar
) -> None:
    with sidecar.client() as client:
        steady = submit(client, HOLDS, "300", "12", memory="320MiB")
        eventually(lambda: (task(client, steady)["memory"]["peak"] or 0) > 280 * MIB, within=30)
        reads = submit(client, READS, "4", memory="64MiB")
        eventually(lambda: task(client, reads)["state"] == "SUCCEEDED", within=60)
        # What it read still lies in the group, and nothing but need makes the kernel drop it.
        after = submit(client, HOLDS, "200", "0", memory="250MiB")
        eventually(lambda: task(client, after)["state"] == "SUCCEEDED", within=30)
        eventually(lambda: task(client, steady)["state"] == "SUCCEEDED", within=40)
        assert group.oom_kills == 0
        assert [len(task(client, one)["attempts"]) for one in (steady, reads, after)] == [1, 1, 1]


def test_the_kernels_kill_is_told_from_a_persons(group: Limited, tmp_path: Path) -> None:
    # Without a guard nobody looks but the kernel.
    with inside(group, tmp_path, 0) as sidecar, sidecar.client() as client:
        grabs, steady = (
            submit(client, GRABS, memory="64MiB"),
            submit(client, HOLDS, "1", "60", memory="64MiB"),
        )
        eventually(lambda: group.oom_kills > 0, within=30)
        first = eventually(lambda: ended_attempt(client, grabs), within=20)
        assert (first["cause"], first["signal"]) == ("kernel_oom", 9)
        assert "for want of memory" in first["evidence"]
        client.post(f"/api/tasks/{grabs}/cancel/")
        # The sidecar, its agents and the small task are none that the kernel would choose.
        assert sidecar.process.poll() is None
        workers = client.get("/api/workers/status/").json()["workers"]
        assert [one["state"] for one in workers] == ["RUNNING"] * 4
        eventually(lambda: task(client, steady)["attempts"][0]["pid"], within=20)
        eventually(lambda: task(client, grabs)["state"] in ("CANCELLED", "FAILED"), within=20)
        eventually(lambda: not oom_lately(group), within=20)
        os.kill(task(client, steady)["attempts"][0]["pid"], signal.SIGKILL)
        second = eventually(lambda: ended_attempt(client, steady), within=20)
        assert (second["cause"], second["signal"]) == ("error", 9)
        assert "a person or a program did it" in second["evidence"]


def ended_attempt(client: httpx.Client, task_id: str) -> dict[str, Any] | None:
    """The first attempt of a task, once it has ended."""
    attempts: list[dict[str, Any]] = task(client, task_id)["attempts"]
    return attempts[0] if attempts and attempts[0]["cause"] else None


def oom_lately(group: Limited) -> bool:
    """Whether the kernel ended something within the time that the sidecar looks back."""
    count, until = group.oom_kills, time.monotonic() + OOM_SAMPLES * 0.25 + 0.5
    while time.monotonic() < until:
        if group.oom_kills != count:
            return True
        time.sleep(0.05)
    return False
