"""Whatever is killed, nothing of ours lives on, with real processes and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.helpers import family
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are read from /proc here")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "pids"
    found.mkdir()
    yield found
    people = family.members(found)
    if people:
        family.end(people)


def run_family(client: httpx.Client, folder: Path) -> tuple[str, dict[str, psutil.Process]]:
    task = {"simulation": "command", "parameters": {"argv": family.argv(folder)}}
    answer = client.post("/api/tasks/", json=task)
    assert answer.status_code == 201, answer.text
    return answer.json()["task_id"], eventually(lambda: family.members(folder), within=20)


def worker_of(client: httpx.Client) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        for worker in client.get("/api/workers/status/").json()["workers"]:
            if worker["task"] is not None:
                return dict(worker)
        return None

    return eventually(found)


def test_kill_of_the_sidecar_ends_workers_tasks_and_every_grandchild(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        _, people = run_family(client, folder)
        agent = psutil.Process(worker_of(client)["pid"])
        sidecar.kill()
        eventually(lambda: not family.living(people) and not family.lives(agent))


def test_kill_of_the_agent_ends_its_tree_and_the_task_starts_again(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id, people = run_family(client, folder)
        worker = worker_of(client)
        for name in family.NAMES:
            (folder / name).unlink()
        os.kill(worker["pid"], signal.SIGKILL)
        eventually(lambda: not family.living(people))
        again = eventually(lambda: family.members(folder), within=20)
        assert not {p.pid for p in again.values()} & {p.pid for p in people.values()}
        task = client.get(f"/api/tasks/{task_id}/").json()
        assert [a["cause"] for a in task["attempts"]] == ["worker_lost", None]
        rows = {w["worker_id"]: w for w in client.get("/api/workers/status/").json()["workers"]}
        assert rows[worker["worker_id"]]["state"] == "FAILED"
        assert "signal 9" in rows[worker["worker_id"]]["reason"]


def test_kill_of_the_task_ends_its_grandchildren_and_counts_as_an_error(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id, people = run_family(client, folder)
        people["task"].kill()
        eventually(lambda: not family.living(people))

        def ended() -> dict[str, Any] | None:
            attempt = client.get(f"/api/tasks/{task_id}/").json()["attempts"][0]
            return attempt if attempt["cause"] else None

        attempt = eventually(ended)
        assert (attempt["cause"], attempt["exit_code"], attempt["signal"]) == ("error", None, 9)
        assert "SIGKILL" in attempt["evidence"]


def test_end_of_the_parent_is_the_end_of_all(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        assert sidecar.proof_is_right
        _, people = run_family(client, folder)
        everything = {str(p.pid): p for p in sidecar.pids()} | people
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        eventually(lambda: not family.living(everything))


def test_abort_ends_the_whole_tree_and_the_task_fails(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id, people = run_family(client, folder)
        worker_id = worker_of(client)["worker_id"]
        refused = client.post(f"/api/workers/{worker_id}/abort/")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "confirmation_required")
        assert len(family.living(people)) == len(people)
        done = client.post(f"/api/workers/{worker_id}/abort/", json={"confirm": True})
        assert done.json() == {"status": "success", "worker_id": worker_id}
        assert family.living(people) == []
        task = client.get(f"/api/tasks/{task_id}/").json()
        assert (task["state"], task["cause"]) == ("FAILED", "aborted")
        rows = client.get("/api/workers/status/").json()["workers"]
        assert [(w["worker_id"], w["state"]) for w in rows] == [(worker_id, "DEAD")]


def test_cancel_ends_the_tree_and_keeps_the_worker(tmp_path: Path, folder: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id, people = run_family(client, folder)
        worker_id = worker_of(client)["worker_id"]
        assert client.post(f"/api/tasks/{task_id}/cancel/").status_code == 200
        eventually(lambda: not family.living(people), within=20)
        eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["state"] == "CANCELLED")
        rows = client.get("/api/workers/status/").json()["workers"]
        assert [(w["worker_id"], w["state"], w["task"]) for w in rows] == [(worker_id, "RUNNING", None)]


def test_sigterm_ends_all_softly_and_the_task_waits_for_the_next_start(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id, people = run_family(client, folder)
        everything = {str(p.pid): p for p in sidecar.pids()} | people
        assert sidecar.terminate() == 0
        assert family.living(everything) == []
    assert not (data / "runtime" / "sidecar.json").exists()
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        task = client.get(f"/api/tasks/{task_id}/").json()
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")
        assert task["waiting_for"]


def test_after_a_kill_the_next_start_gives_the_task_back_and_it_is_done_once(tmp_path: Path) -> None:
    data, mark = tmp_path / "data", tmp_path / "runs"
    program = (
        "import os, sys, time\n"
        f"open({str(mark)!r}, 'a').write(os.environ['STEELYARD_ATTEMPT'] + '\\n')\n"
        "time.sleep(600 if os.environ['STEELYARD_ATTEMPT'] == '1' else 0)\n"
    )
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task = {"simulation": "command", "parameters": {"argv": [sys.executable, "-c", program]}}
        task_id = client.post("/api/tasks/", json=task).json()["task_id"]
        eventually(lambda: mark.exists() and mark.read_text() == "1\n", within=20)
        sidecar.kill()
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        done = eventually(
            lambda: (lambda t: t if t["state"] == "SUCCEEDED" else None)(
                client.get(f"/api/tasks/{task_id}/").json()
            ),
            within=20,
        )
        assert [a["cause"] for a in done["attempts"]] == ["sidecar_lost", "succeeded"]
        assert mark.read_text() == "1\n2\n"
        events = client.get("/api/events/", params={"limit": 1000}).json()["events"]
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


def test_a_second_sidecar_on_the_same_directory_touches_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data) as first:
        before = json.dumps(first.record)
        second = subprocess.run(
            [sys.executable, "-m", "steelyard", "serve", "--data-dir", str(data)],
            capture_output=True,
            timeout=60,
        )
        assert second.returncode == 2
        fatal = json.loads(second.stdout.splitlines()[-1])
        assert (fatal["event"], fatal["code"]) == ("fatal", "data_dir_locked")
        assert str(first.process.pid) in fatal["message"]
        assert json.dumps(first.record) == before
