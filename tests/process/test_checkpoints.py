"""A task's checkpoints: how old the last one is, what an end would lose, and that none is lost to an end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

SLOW_TO_SAVE = """
import json, signal, time
import steelyard_task as task
signal.signal(signal.SIGTERM, lambda *_: None)
state = task.checkpoint_dir() / "state.json"
step = json.loads(state.read_text())["step"] if state.exists() else 0
print(f"from step {step}", flush=True)
while step < 1_000_000 and not task.stopping():
    step += 1
    time.sleep(0.01)
    if step == 20:
        task.progress(0.2)
if task.stopping():
    for part in range(50):  # a large state: five seconds until all of it is written
        with open(state.with_suffix(".new"), "a") as file:
            file.write(" " * 10_000)
        time.sleep(0.1)
    with open(state.with_suffix(".new"), "a") as file:
        json.dump({"step": step}, file)
    state.with_suffix(".new").rename(state)
    task.checkpointed()
    print("saved", flush=True)
"""
SAVES_THEN_DIES = """
import os, time
import steelyard_task as task
seen = sorted(os.listdir(task.checkpoint_dir()))
print("found", *seen, flush=True)
(task.checkpoint_dir() / f"of-{os.environ['STEELYARD_ATTEMPT']}").touch()
task.checkpointed()
if len(seen) < 2:
    os.kill(os.getpid(), 9)
"""
SAVES_ONCE = """
import time
import steelyard_task as task
print("begun", flush=True)
while not (task.checkpoint_dir() / "go").exists():
    time.sleep(0.01)
task.checkpointed()
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["shutdown", "SIGTERM"])
def test_stop_now_resume_later_waits_for_a_checkpoint_that_takes_five_seconds(
    tmp_path: Path, how: str
) -> None:
    """With the deadline that the desktop program gives, and with none."""
    data = tmp_path / "data"
    asked = how == "shutdown"
    with RunningSidecar(data, "1" if asked else "--workers=1", hello=asked) as sidecar:
        with sidecar.client() as client:
            task_id = api.submit_python(client, SLOW_TO_SAVE)
            eventually(lambda: api.task(client, task_id)["progress"], within=PATIENCE)
            assert api.task(client, task_id)["checkpoint_at"] is None
        if asked:
            sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 10})
        else:
            sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(PATIENCE) == 0
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")
        assert task["checkpoint_at"] is not None and task["unsaved"] is None
        assert "saved" in api.log(client, task_id)
        client.post("/api/workers/add/", json={"force": True})
        eventually(lambda: api.task(client, task_id)["attempt"] == 2, within=PATIENCE)
        first = eventually(lambda: api.log(client, task_id), within=PATIENCE)
        assert int(first.removeprefix("from step ")) >= 20
        client.post(f"/api/tasks/{task_id}/cancel/")
        api.ends(client, task_id)


def test_every_attempt_finds_what_those_before_it_saved(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, SAVES_THEN_DIES, attempts=3)
        done = api.ends(client, task_id)
        assert [one["cause"] for one in done["attempts"]] == ["error", "error", "succeeded"]
        assert api.log(client, task_id).splitlines()[0] == "found of-1 of-2"


def test_a_checkpoint_sets_what_would_be_lost_back(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, SAVES_ONCE)
        before = eventually(lambda: _over(api.task(client, task_id)["unsaved"], 1.5), within=PATIENCE)
        [worker] = api.workers(client)
        assert worker["task"]["checkpoint_at"] is None and worker["task"]["unsaved"] >= before
        (sidecar.data_dir / "tasks" / task_id / "checkpoint" / "go").touch()
        saved = eventually(
            lambda: one if (one := api.task(client, task_id))["checkpoint_at"] else None, within=PATIENCE
        )
        assert saved["unsaved"] < before
        [worker] = api.workers(client)
        assert worker["task"]["checkpoint_at"] == saved["checkpoint_at"]
        refused = client.post(f"/api/workers/{worker['worker_id']}/abort/")
        assert api.code(refused) == (409, "confirmation_required")
        assert "of work, what it did since its last checkpoint" in refused.json()["error"]["message"]


def _over(unsaved: float | None, least: float) -> float | None:
    return unsaved if unsaved is not None and unsaved > least else None
