"""Workers come and go: admission, drain, abort, crash and replacement, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from tests.helpers import api
from tests.helpers.reach import async_client_of
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

SLEEP = "import time; time.sleep(600)"


async def add_twenty(record: dict[str, str]) -> list[httpx.Response]:
    async with async_client_of(record) as client:
        return await asyncio.gather(*(client.post("/api/workers/add/") for _ in range(20)))


def test_twenty_adds_at_once_never_pass_the_cap(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", WORKER_MAX_COUNT="3") as sidecar, sidecar.client() as client:
        answers = asyncio.run(add_twenty(sidecar.record))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 17
        assert {api.code(a)[1] for a in answers if a.status_code == 409} == {"at_capacity"}
        api.all_run(client, 3)
        limits = client.get("/api/workers/status/").json()["limits"]
        assert (limits["active"], limits["admissible"], limits["can_add"]) == (3, 3, False)


def test_twenty_adds_at_once_never_pass_the_memory(tmp_path: Path) -> None:
    """The claims of workers that are not started yet count as well."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    peak = int(total * 0.3)

    settings = {"WORKER_MAX_COUNT": "16", "WORKER_CORES": "16", "WORKER_PEAK_MEMORY": str(peak)}
    with RunningSidecar(tmp_path / "data", **settings) as sidecar:
        answers = asyncio.run(add_twenty(sidecar.record))
        started = sum(answer.status_code == 201 for answer in answers)
        assert started <= 3
        refused = [answer for answer in answers if answer.status_code != 201]
        assert {api.code(answer) for answer in refused} == {(409, "insufficient_memory")}
        detail = refused[0].json()["error"]["detail"]
        assert detail["need"] == peak > detail["headroom"]


def test_force_passes_memory_and_cores_but_never_the_cap(tmp_path: Path) -> None:
    settings = {"WORKER_MAX_COUNT": "2", "WORKER_PEAK_MEMORY": "60TiB", "WORKER_CORES": "1"}
    with RunningSidecar(tmp_path / "data", **settings) as sidecar, sidecar.client() as client:
        assert api.code(client.post("/api/workers/add/")) == (409, "insufficient_memory")
        forced = client.post("/api/workers/add/", json={"force": True}).json()["worker_id"]
        assert client.post("/api/workers/add/?force=true").status_code == 201
        assert api.code(client.post("/api/workers/add/?force=true")) == (409, "at_capacity")
        assert api.worker(client, forced)["forced"] is True


def test_drain_takes_the_longest_running_and_lets_its_task_finish(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [first] = api.all_run(client, 1)
        task_id = api.submit_python(client, waits)
        api.reaches(client, task_id, "RUNNING")
        client.post("/api/workers/add/")
        api.all_run(client, 2)
        answer = client.post("/api/workers/drain/")
        assert answer.json() == {"status": "success", "worker_id": first["worker_id"]}
        assert api.worker(client, first["worker_id"])["state"] == "DRAINING"
        go.touch()
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        gone = api.worker_reaches(client, first["worker_id"], "DEAD")
        assert (gone["tasks_done"], gone["tasks_failed"]) == (1, 0)
        assert client.post("/api/workers/drain/").status_code == 200
        eventually(lambda: all(w["state"] == "DEAD" for w in api.workers(client)), within=20)
        assert api.code(client.post("/api/workers/drain/")) == (404, "not_found")


def test_a_draining_worker_takes_no_further_task(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        running = api.submit_python(client, waits)
        api.reaches(client, running, "RUNNING")
        waiting = api.submit_python(client, "pass")
        client.post(f"/api/workers/{only['worker_id']}/drain/").raise_for_status()
        go.touch()
        api.ends(client, running)
        api.worker_reaches(client, only["worker_id"], "DEAD")
        left = api.task(client, waiting)
        assert left["state"] == "READY"
        assert left["waiting_for"] == 'a worker: none serves the queue "default"'


def test_a_worker_that_crashes_is_replaced_but_not_for_ever(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        for crashes in range(1, 7):
            alive = eventually(
                lambda: next((w for w in api.workers(client) if w["state"] == "RUNNING"), None), within=20
            )
            os.kill(alive["pid"], signal.SIGKILL)
            api.worker_reaches(client, alive["worker_id"], "FAILED")
            assert len([w for w in api.workers(client) if w["state"] == "FAILED"]) == crashes

        def told() -> bool:
            events = client.get("/api/events/", params={"limit": 1000}).json()["events"]
            return any(event["kind"] == "prompt" for event in events)

        eventually(told, within=20)
        assert {w["state"] for w in api.workers(client)} == {"FAILED"}


def test_a_worker_that_never_shakes_hands_fails_with_its_log(tmp_path: Path) -> None:
    """The interpreter of the worker is made to hang and to say something first."""
    hang = tmp_path / "hang.py"
    hang.write_text("import sys, time\nprint('cannot go on', file=sys.stderr, flush=True)\ntime.sleep(600)\n")
    wrapper = (
        "import sys\n"
        "from steelyard.supervisor import spawn\n"
        f"spawn.worker_command = lambda: [sys.executable, {str(hang)!r}]\n"
        "from steelyard.cli.app import main\n"
        "sys.exit(main())\n"
    )
    program = tmp_path / "sidecar.py"
    program.write_text(wrapper)
    with (
        RunningSidecar(
            tmp_path / "data", program=[sys.executable, str(program)], WORKER_STARTUP_TIMEOUT="1"
        ) as sidecar,
        sidecar.client() as client,
    ):
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        failed = api.worker_reaches(client, worker_id, "FAILED")
        assert "did not start within 1 s" in failed["reason"]
        assert "cannot go on" in failed["error_tail"]


def test_abort_of_an_idle_worker_needs_no_task(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        path = f"/api/workers/{only['worker_id']}/abort/"
        assert api.code(client.post(path, json={})) == (409, "confirmation_required")
        assert client.post(path + "?confirm=yes").status_code == 200
        assert api.worker(client, only["worker_id"])["state"] == "DEAD"
        assert api.code(client.post(path + "?confirm=yes")) == (409, "conflict")
        assert api.code(client.post("/api/workers/ffffffff/abort/?confirm=yes")) == (404, "not_found")


def test_cleanup_takes_ended_workers_off_the_list_and_keeps_their_logs(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        client.post(f"/api/workers/{only['worker_id']}/drain/").raise_for_status()
        api.worker_reaches(client, only["worker_id"], "DEAD")
        ticked = client.post("/workers/tick/").json()
        assert ticked == {
            "status": "success",
            "transitions": {"failed_on_timeout": 0, "marked_dead": 0, "cleaned_up": 0, "tasks_requeued": 0},
        }
        assert client.post("/api/workers/cleanup/").status_code == 200
        assert api.workers(client) == []
        log = client.get(f"/api/workers/{only['worker_id']}/log/")
        assert "started" in log.text


def test_heartbeats_go_on_while_the_simulation_holds_the_interpreter_lock(tmp_path: Path) -> None:
    """PyDLL keeps the lock during the call: nothing in that process runs until sleep() returns."""
    holds = "import ctypes; print('holding', flush=True); ctypes.PyDLL(None).sleep(20)"
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", WORKER_HEARTBEAT_INTERVAL="1") as sidecar,
        sidecar.client() as client,
    ):
        [only] = api.all_run(client, 1)
        task_id = api.submit_python(client, holds)
        eventually(lambda: "holding" in api.log(client, task_id), within=20)
        beats: set[str] = set()

        def three_beats() -> bool:
            now = api.worker(client, only["worker_id"])
            assert now["task"]["task_id"] == task_id
            beats.add(now["heartbeat"])
            return len(beats) >= 4

        eventually(three_beats, within=18)
        client.post(f"/api/workers/{only['worker_id']}/abort/?confirm=yes").raise_for_status()


@pytest.mark.parametrize("which", ["plain", "drain"])
def test_twice_the_same_request_is_answered_in_words(tmp_path: Path, which: str) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        task_id = api.submit_python(client, SLEEP)
        api.reaches(client, task_id, "RUNNING")
        if which == "drain":
            for _ in range(2):
                answer = client.post("/api/workers/drain/", json={"worker_id": only["worker_id"]})
                assert answer.json() == {"status": "success", "worker_id": only["worker_id"]}
        assert api.code(client.post(f"/api/tasks/{task_id}/resume/")) == (409, "conflict")
        assert api.code(client.post(f"/api/tasks/{task_id}/retry/")) == (409, "conflict")


def test_workers_that_leave_at_the_same_time_have_left_and_are_not_replaced(tmp_path: Path) -> None:
    """The end of each looks for what it left behind, and must not meet the others that are just ending."""
    ends = []
    with RunningSidecar(tmp_path / "data", WORKER_MAX_COUNT="6") as sidecar, sidecar.client() as client:
        for _ in range(3):
            client.post("/api/workers/add-many/", json={"count": 6}).raise_for_status()
            for one in api.all_run(client, 6):
                client.post(f"/api/workers/{one['worker_id']}/drain/").raise_for_status()
            eventually(lambda: client.get("/api/workers/status/").json()["limits"]["active"] == 0, within=30)
            ends += [(one["state"], one["reason"]) for one in api.workers(client)]
            client.post("/api/workers/cleanup/").raise_for_status()
    assert ends == [("DEAD", "drained by the user")] * 18


def test_a_worker_that_has_no_room_at_the_start_comes_when_it_has(tmp_path: Path) -> None:
    """The task that waits wants most of the machine: until it is done there is room for a single worker."""
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        available = client.get("/api/workers/status/").json()["memory"]["available"]
        api.submit_python(client, "pass", memory=available * 6 // 10)
    with RunningSidecar(tmp_path / "data", "--workers", "2") as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        events = client.get("/api/events/", params={"limit": 1000}).json()["events"]
        said = [event["data"]["text"] for event in events if event["kind"] == "prompt"]
        [text] = [one for one in said if "started when there is room" in one]
        assert text.startswith("Another worker is started when there is room: One more worker needs ")
