"""The whole tree is stopped and goes on, as if the machine had slept: nothing is rescued, nothing is lost."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

COUNTS = """
import os, time
for number in range(60):
    print(f"::steelyard progress {number / 60}", flush=True)
    time.sleep(0.1)
open(os.path.join(os.environ["STEELYARD_OUTPUT_DIR"], "done"), "w").close()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")


def stand_still(processes: list[psutil.Process], seconds: float) -> None:
    """Stop them all, those below first to notice last; then let them go on."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        eventually(lambda one=process: one.status() == psutil.STATUS_STOPPED, within=10)
    time.sleep(seconds)
    for process in reversed(processes):
        process.send_signal(signal.SIGCONT)


def test_a_tree_that_stood_still_goes_on_where_it_was(tmp_path: Path) -> None:
    with (
        RunningSidecar(
            tmp_path / "data", "--workers", "2", WORKER_HEARTBEAT_INTERVAL="1", WORKER_STARTUP_TIMEOUT="2"
        ) as sidecar,
        sidecar.client() as client,
    ):
        spec = {"simulation": "command", "parameters": {"argv": [sys.executable, "-c", COUNTS]}}
        task_id = client.post("/api/tasks/", json=spec).json()["task_id"]

        def task() -> dict[str, Any]:
            found: dict[str, Any] = client.get(f"/api/tasks/{task_id}/").json()
            return found

        eventually(lambda: (task()["progress"] or 0) > 0.05, within=20)
        before = [one["worker_id"] for one in client.get("/api/workers/status/").json()["workers"]]
        # Longer than start-up time-out, heartbeat interval and the beat of every watchdog.
        stand_still(sidecar.pids(), 5.0)
        eventually(lambda: task()["state"] == "SUCCEEDED", within=30)
        found = task()
        assert [one["cause"] for one in found["attempts"]] == ["succeeded"]
        assert [one["name"] for one in client.get(f"/api/tasks/{task_id}/files/").json()["files"]] == ["done"]
        workers = client.get("/api/workers/status/").json()["workers"]
        assert [one["worker_id"] for one in workers] == before
        assert [(one["state"], one["stalled"], one["dead"]) for one in workers] == [
            ("RUNNING", False, False)
        ] * 2


def test_a_real_runaway_is_ended_all_the_same(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        argv = [sys.executable, "-c", "import time; time.sleep(600)"]
        spec = {"simulation": "command", "parameters": {"argv": argv}, "timeout": 3, "attempts": 1}
        task_id = client.post("/api/tasks/", json=spec).json()["task_id"]
        eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["state"] == "RUNNING", within=20)
        stand_still(sidecar.pids(), 1.0)
        eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["state"] == "FAILED", within=30)
        assert client.get(f"/api/tasks/{task_id}/").json()["cause"] == "timeout"
