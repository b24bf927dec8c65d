"""The core's speed and memory on this machine, as a table: `.venv/bin/python scripts/bench/core.py`.

Starts a real sidecar in a temporary data directory and measures it from outside, as a client would. Medians
of one
run; the machine decides the absolute figures, so compare them only within a run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers.reach import async_client_of, bearer, websocket_address  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402
from tests.helpers.waiting import eventually  # noqa: E402

MB = 1_000_000
Row = tuple[str, str, str]


def median_ms(measure: Callable[[], float], rounds: int) -> float:
    """The median of so many measurements, each in seconds, as milliseconds."""
    return 1000 * statistics.median(measure() for _ in range(rounds))


def spawn_to_running(client: httpx.Client, rounds: int) -> float:
    """Milliseconds from the spawn of a worker to its RUNNING event, by the event log's own clock."""
    for _ in range(rounds):
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        eventually(lambda w=worker_id: state_of(client, w) == "RUNNING", within=30)  # type: ignore[misc]
        client.post(f"/api/workers/{worker_id}/drain/").raise_for_status()
        eventually(lambda w=worker_id: state_of(client, w) == "DEAD", within=30)  # type: ignore[misc]
    took: dict[str, dict[str, float]] = {}
    for event in client.get("/api/events/", params={"limit": 1000}).json()["events"]:
        if event["kind"] == "worker":
            moments = took.setdefault(event["subject"], {})
            moments.setdefault(event["data"]["state"], seconds(event["at"]))
    return 1000 * statistics.median(m["RUNNING"] - m["STARTING"] for m in took.values() if "RUNNING" in m)


def seconds(moment: str) -> float:
    """Unix seconds of an ISO-8601 moment."""
    return datetime.fromisoformat(moment).timestamp()


def state_of(client: httpx.Client, worker_id: str) -> str | None:
    """The state of a worker, None if it is not listed."""
    for worker in client.get("/api/workers/status/").json()["workers"]:
        if worker["worker_id"] == worker_id:
            return str(worker["state"])
    return None


def submit_to_started(client: httpx.Client, folder: Path) -> float:
    """Seconds from the submit of a task to the first line of its process, on an idle worker."""
    mark = folder / f"mark-{time.monotonic_ns()}"
    argv = ["/bin/sh", "-c", f"date +%s.%N > '{mark}.new' && mv '{mark}.new' '{mark}'"]
    began = time.time()
    client.post(
        "/api/tasks/", json={"simulation": "command", "parameters": {"argv": argv}}
    ).raise_for_status()
    eventually(mark.exists, within=30, every=0.001)
    started = float(mark.read_text())
    eventually(lambda: client.get("/api/workers/status/").json()["queue"]["running"] == 0, within=30)
    return started - began


async def change_to_message(record: dict[str, Any], rounds: int) -> list[float]:
    """Seconds from the request that changes a task's state to the WebSocket message that tells of it."""
    took: list[float] = []
    async with (
        websockets.connect(websocket_address(record), additional_headers=bearer(record)) as socket,
        async_client_of(record) as client,
    ):
        await socket.recv()
        for _ in range(rounds):
            body = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}}
            began = time.perf_counter()
            asked = asyncio.create_task(client.post("/api/tasks/", json=body))
            while json.loads(await socket.recv()).get("type") != "task":
                pass
            took.append(time.perf_counter() - began)
            task_id = (await asked).json()["task_id"]
            await client.post(f"/api/tasks/{task_id}/cancel/")
            while json.loads(await socket.recv()).get("type") != "task":
                pass
    return took


def page_of_many(client: httpx.Client, total: int) -> float:
    """Milliseconds of GET /api/tasks/ with so many tasks in the table."""
    one = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}}
    for _ in range(total // 10_000):
        client.post("/api/tasks/batch/", json={"tasks": [one] * 10_000}, timeout=120).raise_for_status()

    def once() -> float:
        began = time.perf_counter()
        client.get("/api/tasks/", params={"limit": 50}).raise_for_status()
        return time.perf_counter() - began

    return median_ms(once, 15)


def idle(sidecar: RunningSidecar, span: float) -> tuple[float, float, float]:
    """(USS of the sidecar, MB; per cent of a core; USS of a worker, MB) while nothing happens."""
    process = psutil.Process(sidecar.process.pid)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(span)
    after, took = process.cpu_times(), time.monotonic() - began
    spent = after.user + after.system - before.user - before.system
    workers = [child.memory_full_info().uss / MB for child in process.children()]
    return process.memory_full_info().uss / MB, 100 * spent / took, statistics.median(workers)


def measure(rounds: int, tasks: int) -> list[Row]:
    """Every figure with what it is to reach."""
    folder = Path(tempfile.mkdtemp(prefix="steelyard-bench-"))
    rows: list[Row] = []
    try:
        with RunningSidecar(folder / "data", "--workers", "2") as sidecar, sidecar.client() as client:
            eventually(
                lambda: (
                    [w["state"] for w in client.get("/api/workers/status/").json()["workers"]]
                    == ["RUNNING", "RUNNING"]
                ),
                within=30,
            )
            time.sleep(2)
            uss, cpu, worker = idle(sidecar, 15)
            rows.append(("idle worker, USS", f"{worker:.1f} MB", "≤ 8 MB"))
            rows.append(("idle sidecar with 2 workers, USS", f"{uss:.1f} MB", "≤ 60 MB"))
            rows.append(("idle sidecar with 2 workers, CPU", f"{cpu:.2f} % of a core", "≤ 0.5 %"))
            rows.append(("worker, spawn to RUNNING", f"{spawn_to_running(client, rounds):.0f} ms", "≤ 60 ms"))
            took = median_ms(lambda: submit_to_started(client, folder), rounds)
            rows.append(("submit to process started", f"{took:.1f} ms", "≤ 15 ms"))
            pushed = asyncio.run(change_to_message(sidecar.record, rounds))
            rows.append(
                ("request to WebSocket message", f"{1000 * statistics.median(pushed):.1f} ms", "≤ 10 ms")
            )
            rows.append(
                (f"GET /api/tasks/ with {tasks:,} tasks", f"{page_of_many(client, tasks):.1f} ms", "≤ 20 ms")
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each figure")
    parser.add_argument("--tasks", type=int, default=100_000, help="tasks in the table for the page")
    options = parser.parse_args()
    table = Table("figure", "measured (median)", "to reach", title="The core")
    for row in measure(options.rounds, options.tasks):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
