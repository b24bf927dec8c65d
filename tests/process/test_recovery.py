"""The next start after a kill of the sidecar: what it ends, what it leaves alone, what becomes of tasks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from steelyard.machine import identity
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, SLEEPER, RunningSidecar
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="identities are read from /proc here")


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def killed_with_a_task(data: Path) -> str:
    """A data directory whose sidecar was killed amid a task; the task's id."""
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, SLEEPER)
        eventually(lambda: api.task(client, task_id)["attempts"], within=PATIENCE)
        eventually(lambda: api.task(client, task_id)["attempts"][0]["pid"], within=PATIENCE)
        sidecar.kill()
    return task_id


def rewrite(data: Path, table: str, **columns: object) -> None:
    """Say something else of every process that the dead sidecar recorded."""
    with sqlite3.connect(data / "steelyard.db") as connection:
        settings = ", ".join(f"{name} = :{name}" for name in columns)
        assert connection.execute(f"UPDATE {table} SET {settings}", columns).rowcount == 1
    connection.close()


def test_what_is_recorded_of_a_process(tmp_path: Path) -> None:
    """PID, identity and executable of agent and task, while they run."""
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit(client, ["sleep", "600"])
        task = eventually(
            lambda: next(
                (t for t in [api.task(client, task_id)] if t["attempts"] and t["attempts"][0]["pid"]), None
            ),
            within=PATIENCE,
        )
        [worker] = api.workers(client)
        connection = sqlite3.connect(f"file:{tmp_path}/data/steelyard.db?mode=ro", uri=True)
        for table, pid in (("worker", worker["pid"]), ("attempt", task["attempts"][0]["pid"])):
            row = connection.execute(f"SELECT pid, identity, executable FROM {table}").fetchone()
            assert row == (pid, identity.identity_of(pid), os.readlink(f"/proc/{pid}/exe"))
        connection.close()


@pytest.mark.parametrize("table", ["worker", "attempt"])
def test_security_24_a_decoy_under_a_recorded_pid_survives(
    tmp_path: Path, stranger: subprocess.Popen[bytes], table: str
) -> None:
    """The PID lives again as another process: with the old identity, and with an executable that differs."""
    data = tmp_path / "data"
    killed_with_a_task(data)
    rewrite(data, table, pid=stranger.pid)
    with RunningSidecar(data) as sidecar:
        sidecar.event("ready")
        assert stranger.poll() is None
        sidecar.kill()
    killed_with_a_task(tmp_path / "other")
    rewrite(
        tmp_path / "other",
        table,
        pid=stranger.pid,
        identity=identity.identity_of(stranger.pid),
        executable="/usr/bin/another-program",
    )
    with RunningSidecar(tmp_path / "other") as sidecar:
        sidecar.event("ready")
        assert stranger.poll() is None


def test_security_24_nothing_is_ended_whose_executable_was_never_recorded(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    data = tmp_path / "data"
    killed_with_a_task(data)
    known = identity.identity_of(stranger.pid)
    rewrite(data, "attempt", pid=stranger.pid, identity=known, executable=None)
    with RunningSidecar(data) as sidecar:
        sidecar.event("ready")
        assert stranger.poll() is None


@pytest.mark.parametrize("table", ["worker", "attempt"])
def test_what_an_earlier_run_left_is_ended(
    tmp_path: Path, stranger: subprocess.Popen[bytes], table: str
) -> None:
    data = tmp_path / "data"
    task_id = killed_with_a_task(data)
    rewrite(
        data,
        table,
        pid=stranger.pid,
        identity=identity.identity_of(stranger.pid),
        executable=os.readlink(f"/proc/{stranger.pid}/exe"),
    )
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        assert stranger.wait(5) == -signal.SIGKILL
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")


def test_what_an_attempt_used_is_known_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, "x = b'x' * 50_000_000\nwhile True: pass")

        def written() -> object:
            with sqlite3.connect(data / "steelyard.db") as connection:
                found = connection.execute(
                    "SELECT peak_memory FROM attempt WHERE peak_memory > 5e7"
                ).fetchone()
            connection.close()
            return found

        eventually(written, within=PATIENCE)
        sidecar.kill()
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        [past] = api.task(client, task_id)["attempts"]
        assert past["cause"] == "sidecar_lost"
        assert past["peak_memory"] > 50_000_000 and past["cpu_seconds"] > 0
        assert client.get(f"/api/tasks/{task_id}/samples/").json()["samples"]


def test_recovery_twice_changes_nothing_more(tmp_path: Path) -> None:
    data = tmp_path / "data"
    task_id = killed_with_a_task(data)
    seen = []
    for _ in range(3):
        with RunningSidecar(data) as sidecar, sidecar.client() as client:
            seen.append((api.task(client, task_id), api.workers(client), client.get("/api/events/").json()))
            sidecar.kill()
    assert seen[0] == seen[1] == seen[2]
    assert [attempt["cause"] for attempt in seen[0][0]["attempts"]] == ["sidecar_lost"]
    assert [(worker["state"], worker["reason"]) for worker in seen[0][1]] == [("DEAD", "the sidecar ended")]


def test_a_cancel_that_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, deaf)
        eventually(lambda: "deaf" in api.log(client, task_id), within=PATIENCE)
        assert client.post(f"/api/tasks/{task_id}/cancel/").status_code == 200
        assert api.task(client, task_id)["state"] == "RUNNING"
        sidecar.kill()
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("CANCELLED", "cancelled")


def test_a_task_that_is_lost_again_and_again_ends(tmp_path: Path) -> None:
    """A poison task: it kills its agent each time. Five times it comes back, then it is FAILED."""
    poison = "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(600)"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, poison)
        task = api.ends(client, task_id)
        assert (task["state"], task["cause"], task["attempt"]) == ("FAILED", "worker_lost", 6)
        assert "worker" in task["attempts"][-1]["evidence"]


def test_files_of_a_dead_sidecar_are_taken_over(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed_with_a_task(data)
    record = (data / "runtime" / "sidecar.json").read_bytes()
    with RunningSidecar(data) as sidecar:
        assert sidecar.record["pid"] == sidecar.process.pid
        assert (data / "runtime" / "sidecar.json").read_bytes() != record
        assert sidecar.terminate() == 0
    assert not (data / "runtime" / "sidecar.json").exists()
    assert [p for p in psutil.process_iter() if str(data) in " ".join(_argv(p))] == []


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
