"""A folder that never answers, as on a network drive that is gone, costs only the tasks that lie in it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.helpers import api, hung
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

FAR = """
[simulation]
name = "far"
command = ["sh", "run.sh"]
directory = "{directory}"
[resources]
memory = "100MiB"
{run}
"""
ENDS_WITHIN = 14.0
"""Seconds in which the way out is over, after the 10 s that a soft stop may take."""


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A folder that hangs for the sidecar of this test and all below it."""
    folder = tmp_path / "far"
    hung.skip_if_none_can_be_had(folder)
    return folder


@pytest.fixture
def sidecar(tmp_path: Path, far: Path) -> Iterator[RunningSidecar]:
    program = hung.sidecar_program(far, tmp_path / "sidecar.py")
    with RunningSidecar(tmp_path / "data", "2", hello=True, program=program) as running:
        yield running


def submit_far(sidecar: RunningSidecar, client: httpx.Client, directory: Path, run: str = "") -> str:
    """Queue a run in that directory; its task id, once it is RUNNING."""
    folder = sidecar.data_dir / "simulations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "far.toml").write_text(FAR.format(directory=directory, run=run))
    answer = client.post("/api/tasks/", json={"simulation": "far", "parameters": {}})
    task_id = str(answer.json()["task_id"])
    eventually(lambda: api.task(client, task_id)["state"] == "RUNNING", within=PATIENCE)
    return task_id


def others_go_on(sidecar: RunningSidecar, client: httpx.Client) -> None:
    """Other tasks run, their files are listed, and the machine is weighed."""
    program = "import os, pathlib; pathlib.Path(os.environ['STEELYARD_OUTPUT_DIR'], 'near').write_text('1')"
    task_id = api.submit_python(client, program)
    assert api.ends(client, task_id)["state"] == "SUCCEEDED"
    listed = client.get(f"/api/tasks/{task_id}/files/").json()["files"]
    assert [file["name"] for file in listed] == ["near"]
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/forecast/").status_code == 200
    assert client.get(f"/tasks/{task_id}/").status_code == 200


def leave(sidecar: RunningSidecar, way: str) -> float:
    """Have it leave; seconds until it was gone."""
    began = time.monotonic()
    if way == "parent":
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
    else:
        sidecar.process.send_signal(signal.SIGTERM)
        if way == "twice":
            time.sleep(0.2)
            sidecar.process.send_signal(signal.SIGTERM)
    sidecar.process.wait(2 * PATIENCE)
    return time.monotonic() - began


@pytest.mark.parametrize("workspace", ["", '[run]\nworkspace = "fresh"\n', '[run]\nworkspace = "shared"\n'])
def test_a_run_there_costs_no_other_and_can_be_cancelled(
    sidecar: RunningSidecar, far: Path, workspace: str
) -> None:
    with sidecar.client() as client:
        task_id = submit_far(sidecar, client, far / "model", workspace)
        others_go_on(sidecar, client)
        assert str(far) in api.task(client, task_id)["message"]
        client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
        assert api.ends(client, task_id)["state"] == "CANCELLED"
        others_go_on(sidecar, client)


@pytest.mark.parametrize(("way", "within"), [("signal", ENDS_WITHIN), ("twice", 5.0), ("parent", 5.0)])
def test_every_way_out_ends_though_threads_hang(
    sidecar: RunningSidecar, far: Path, way: str, within: float
) -> None:
    """A task's folder was moved there, which its owner may do; 20 people look at its files."""
    with sidecar.client() as client:
        submit_far(sidecar, client, far)
        task_id = api.submit_python(client, "print('was here')")
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        tasks = sidecar.data_dir / "tasks"
        (tasks / task_id).rename(tasks / "moved")
        (tasks / task_id).symlink_to(far / "moved")

        def look(_: int) -> None:
            with sidecar.client() as one, pytest.raises(httpx.ReadTimeout):
                one.get(f"/api/tasks/{task_id}/files/", params={"name": "x"}, timeout=0.5)

        with ThreadPoolExecutor(20) as people:
            list(people.map(look, range(20)))
        others_go_on(sidecar, client)
        assert leave(sidecar, way) < within


def test_a_list_that_does_not_come_says_so_and_the_page_shows_all_the_rest(
    sidecar: RunningSidecar, far: Path
) -> None:
    with sidecar.client() as client:
        task_id = api.submit_python(client, "print('was here')")
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        tasks = sidecar.data_dir / "tasks"
        (tasks / task_id).rename(tasks / "moved")
        (tasks / task_id).symlink_to(far / "moved")
        answer = client.get(f"/api/tasks/{task_id}/files/", timeout=PATIENCE)
        assert api.code(answer) == (504, "unanswered")
        assert str(tasks / task_id) in answer.json()["error"]["message"]
        for way in ("log/", "log/?offset=0", "files/", "files/?name=x"):
            assert api.code(client.get(f"/api/tasks/{task_id}/{way}")) == (504, "unanswered")
        page = client.get(f"/tasks/{task_id}/", timeout=PATIENCE)
        assert page.status_code == 200 and "Its files cannot be listed" in page.text
        others_go_on(sidecar, client)
