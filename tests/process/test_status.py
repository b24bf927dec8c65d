"""The status, field by field and in every state of a worker; what the limits refuse."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, SLEEPER, RunningSidecar
from tests.helpers.waiting import eventually

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NUMBER = (int, float)

WORKER: dict[str, tuple[type, ...]] = {
    "worker_id": (str,),
    "pid": (int, type(None)),
    "state": (str,),
    "heartbeat": (str, type(None)),
    "memory": (int, type(None)),
    "cpu": (float, int, type(None)),
    "started_at": (str,),
    "heartbeat_age": (float, int, type(None)),
    "stalled": (bool,),
    "dead": (bool,),
    "queue": (str,),
    "reason": (str, type(None)),
    "error_tail": (str,),
    "forced": (bool,),
    "tasks_done": (int,),
    "tasks_failed": (int,),
    "task": (dict, type(None)),
}
TASK = {
    "task_id": (str,),
    "simulation": (str,),
    "label": (str,),
    "attempt": (int,),
    "progress": (float, int, type(None)),
    "eta": (str, type(None)),
    "checkpoint_at": (str, type(None)),
    "unsaved": NUMBER,
    "suspended": (bool,),
    "quiet": (bool,),
}
LIMITS = {
    "admissible": (int,),
    "active": (int,),
    "can_add": (bool,),
    "no_capacity": (bool,),
    "hard_cap": (int,),
    "physical_cores": (int,),
    "peak_per_worker": (int,),
    "next_claim": (int, type(None)),
    "next_fits": (bool, type(None)),
    "bound_by": (str,),
}
FIGURES = {
    "total": (int,),
    "available": (int,),
    "used": (int,),
    "percent": NUMBER,
    "guard": (int,),
    "pressure": (str,),
}
QUEUE = {name: (int,) for name in ("pending", "running", "succeeded", "failed", "cancelled")} | {
    "paused": (type(None),)
}

HANGING = (
    "import os, sys, time\n"
    "from steelyard.supervisor import spawn\n"
    "real = spawn.worker_command\n"
    "late = 'import os, sys, time\\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)\\n"
    "os.execv(sys.argv[2], sys.argv[2:])'\n"
    "spawn.worker_command = lambda: [sys.executable, '-c', late, {go!r}, *real()]\n"
    "from steelyard.cli.app import main\n"
    "sys.exit(main())\n"
)
"""A sidecar whose workers do not begin before the file `go` is there."""


def late(tmp_path: Path, **env: str) -> RunningSidecar:
    program = tmp_path / "sidecar.py"
    program.write_text(HANGING.format(go=str(tmp_path / "go")))
    return RunningSidecar(tmp_path / "data", program=[sys.executable, str(program)], **env)


def holds(value: dict[str, Any], types: Mapping[str, tuple[type, ...]]) -> None:
    """Exactly these fields, each of its type (a bool is no number here)."""
    assert set(value) == set(types)
    for name, kinds in types.items():
        assert isinstance(value[name], kinds), (name, value[name])
        assert bool in kinds or not isinstance(value[name], bool), name


def status(client: httpx.Client) -> dict[str, Any]:
    """The status, after a look at every one of its fields."""
    found: dict[str, Any] = client.get("/api/workers/status/").json()
    holds(found, {"workers": (list,), "limits": (dict,), "memory": (dict,), "queue": (dict,), "seq": (int,)})
    holds(found["limits"], LIMITS)
    holds(found["memory"], FIGURES)
    holds(found["queue"], QUEUE)
    for worker in found["workers"]:
        holds(worker, WORKER)
        assert MOMENT.fullmatch(worker["started_at"])
        if worker["state"] in ("RUNNING", "DRAINING") and worker["heartbeat"]:
            assert worker["memory"] is not None and worker["cpu"] is not None and worker["pid"] > 0
            assert MOMENT.fullmatch(worker["heartbeat"]) and worker["heartbeat_age"] >= 0
        if worker["task"] is not None:
            holds(worker["task"], TASK)
    limits = found["limits"]
    assert limits["can_add"] == (limits["active"] < limits["admissible"])
    assert limits["no_capacity"] == (limits["admissible"] == 0)
    assert limits["active"] == sum(
        w["state"] in ("STARTING", "RUNNING", "DRAINING") for w in found["workers"]
    )
    assert 0 <= limits["admissible"] <= min(limits["hard_cap"], limits["physical_cores"])
    return found


def test_every_field_in_every_state(tmp_path: Path) -> None:
    with late(tmp_path) as sidecar, sidecar.client() as client:
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        [starting] = status(client)["workers"]
        assert (starting["state"], starting["heartbeat"], starting["memory"]) == ("STARTING", None, None)
        assert starting["worker_id"] == worker_id and starting["task"] is None
        (tmp_path / "go").touch()
        api.worker_reaches(client, worker_id, "RUNNING")
        status(client)
        eats = "import sys; b = bytearray(60_000_000); print('full', flush=True)\nwhile 1: pass"
        task_id = api.submit_python(client, eats, label="a label")
        eventually(lambda: "full" in api.log(client, task_id), within=PATIENCE)
        running = eventually(
            lambda: (lambda w: w if w["memory"] > 60_000_000 and w["cpu"] > 20 else None)(
                status(client)["workers"][0]
            ),
            within=PATIENCE,
        )
        assert (running["task"]["task_id"], running["task"]["label"]) == (task_id, "a label")
        client.post(f"/api/workers/{worker_id}/drain/").raise_for_status()
        [draining] = status(client)["workers"]
        assert (draining["state"], draining["task"]["task_id"]) == ("DRAINING", task_id)
        client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
        api.worker_reaches(client, worker_id, "DEAD")
        [dead] = status(client)["workers"]
        assert (dead["memory"], dead["cpu"], dead["task"], dead["dead"]) == (None, None, None, False)
        assert dead["reason"] == "drained by the user"
        other = client.post("/api/workers/add/").json()["worker_id"]
        os.kill(api.worker_reaches(client, other, "RUNNING")["pid"], 9)
        failed = api.worker_reaches(client, other, "FAILED")
        status(client)
        assert "signal 9" in failed["reason"]


def test_a_starting_worker_can_be_drained(tmp_path: Path) -> None:
    with late(tmp_path) as sidecar, sidecar.client() as client:
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        assert client.post("/api/workers/drain/").json() == {"status": "success", "worker_id": worker_id}
        [draining] = status(client)["workers"]
        assert (draining["state"], draining["reason"]) == ("DRAINING", "drained by the user")
        assert api.code(client.post("/api/workers/drain/")) == (404, "not_found")
        task_id = api.submit(client, ["true"])
        (tmp_path / "go").touch()
        done = api.worker_reaches(client, worker_id, "DEAD")
        assert (done["reason"], done["tasks_done"]) == ("drained by the user", 0)
        assert api.task(client, task_id)["state"] == "READY"


def test_a_starting_worker_can_be_aborted(tmp_path: Path) -> None:
    with late(tmp_path) as sidecar, sidecar.client() as client:
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        path = f"/api/workers/{worker_id}/abort/"
        assert api.code(client.post(path)) == (409, "confirmation_required")
        assert client.post(path, json={"confirm": True}).status_code == 200
        assert len(sidecar.pids()) == 1
        [dead] = status(client)["workers"]
        assert (dead["state"], dead["reason"]) == ("DEAD", "aborted by the user")


def test_a_drained_worker_that_never_starts_fails(tmp_path: Path) -> None:
    with late(tmp_path, WORKER_STARTUP_TIMEOUT="1") as sidecar, sidecar.client() as client:
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        client.post("/api/workers/drain/").raise_for_status()
        assert "did not start within 1 s" in api.worker_reaches(client, worker_id, "FAILED")["reason"]
        eventually(lambda: len(sidecar.pids()) == 1)


def test_tick_runs_the_checks_that_run_anyway(tmp_path: Path) -> None:
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", WORKER_CLEANUP_AGE="0") as sidecar,
        sidecar.client() as client,
    ):
        [only] = api.all_run(client, 1)
        client.post("/api/workers/drain/").raise_for_status()

        def cleaned() -> bool:
            ticked = client.post("/workers/tick/").json()
            assert ticked["status"] == "success"
            return bool(ticked["transitions"]["cleaned_up"])

        eventually(cleaned, within=PATIENCE)
        assert status(client)["workers"] == []
        assert only["worker_id"] in client.get(f"/api/workers/{only['worker_id']}/log/").text


@pytest.mark.parametrize(
    ("settings", "code", "bound_by"),
    [
        ({"WORKER_MAX_COUNT": "2"}, "at_capacity", "cap"),
        ({"WORKER_CORES": "2"}, "no_cores", "cores"),
        ({"WORKER_PEAK_MEMORY": str(int(MEMORY * 0.35))}, "insufficient_memory", "memory"),
        ({"WORKER_PEAK_MEMORY": "60TiB"}, "insufficient_memory", "memory"),
        ({"WORKER_MAX_COUNT": "0"}, "at_capacity", "cap"),
    ],
)
def test_what_the_limits_say_is_what_an_add_meets(
    tmp_path: Path, settings: dict[str, str], code: str, bound_by: str
) -> None:
    """can_add is true exactly as long as an add succeeds; idle workers count with what they will take."""
    with RunningSidecar(tmp_path / "data", **settings) as sidecar, sidecar.client() as client:
        for _ in range(5):
            limits = status(client)["limits"]
            answer = client.post("/api/workers/add/")
            assert limits["can_add"] == (answer.status_code == 201), (limits, answer.text)
            if answer.status_code != 201:
                break
        assert api.code(answer) == (409, code)
        assert limits["bound_by"] == bound_by
        detail = answer.json()["error"]["detail"]
        if code == "insufficient_memory":
            assert set(detail) == {"need", "headroom"} and detail["need"] > detail["headroom"]
            assert limits["peak_per_worker"] == detail["need"]


def test_many_by_force_stop_at_the_cap(tmp_path: Path) -> None:
    settings = {"WORKER_MAX_COUNT": "3", "WORKER_CORES": "1"}
    with RunningSidecar(tmp_path / "data", **settings) as sidecar, sidecar.client() as client:
        made = client.post("/api/workers/add-many/", json={"count": 5, "force": True})
        assert (made.status_code, len(made.json()["worker_ids"])) == (201, 3)
        api.all_run(client, 3)
        refused = client.post("/api/workers/add-many/", json={"count": 5, "force": True})
        assert api.code(refused) == (409, "at_capacity")
        assert status(client)["limits"]["no_capacity"] is False


def test_a_stopped_agent_is_no_dead_agent(tmp_path: Path) -> None:
    """stalled needs minutes without a heartbeat (see the unit test); an abort reaches even a stopped one."""
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        task_id = api.submit_python(client, SLEEPER)
        api.reaches(client, task_id, "RUNNING")
        os.kill(only["pid"], 19)
        [worker] = status(client)["workers"]
        assert (worker["stalled"], worker["dead"]) == (False, False)
        assert client.post(f"/api/workers/{only['worker_id']}/abort/?confirm=yes").status_code == 200
        assert len(sidecar.pids()) == 1
        assert api.task(client, task_id)["cause"] == "aborted"


def test_an_abort_amid_the_start_of_a_task_fails_that_task(tmp_path: Path) -> None:
    """However the abort meets the claim: the task never comes back as if the worker had been lost."""
    with RunningSidecar(tmp_path / "data", WORKER_MAX_COUNT="40") as sidecar, sidecar.client() as client:
        for _ in range(6):
            worker_id = client.post("/api/workers/add/").json()["worker_id"]
            api.worker_reaches(client, worker_id, "RUNNING")
            task_id = api.submit(client, ["true"])
            assert client.post(f"/api/workers/{worker_id}/abort/?confirm=yes").status_code == 200
            task = api.task(client, task_id)
            assert task["state"] in ("READY", "FAILED", "SUCCEEDED")
            assert [a["cause"] for a in task["attempts"]] in ([], ["aborted"], ["succeeded"]), task
            client.post(f"/api/tasks/{task_id}/cancel/")


def test_samples_of_a_running_task(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, "import time; b = bytearray(50_000_000); time.sleep(2.5)")
        live = eventually(
            lambda: client.get(f"/api/tasks/{task_id}/samples/").json()["samples"], within=PATIENCE
        )
        assert set(live[0]) == {"attempt", "at", "memory", "cpu"}
        done = api.ends(client, task_id)
        kept = client.get(f"/api/tasks/{task_id}/samples/").json()["samples"]
        assert max(one["memory"] for one in kept) > 45_000_000
        assert done["memory"]["peak"] > 50_000_000 and done["cpu_seconds"] > 0
        assert done["attempts"][0]["peak_memory"] == done["memory"]["peak"]
