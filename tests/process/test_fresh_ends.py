"""Runs with a folder of their own, however they end: for want of memory or disk, or with the sidecar."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers import api
from tests.helpers.cgroup import limited
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

MIB = 2**20

GOES_ON = """
import os, pathlib, sys, time
checkpoint = pathlib.Path(os.environ["STEELYARD_CHECKPOINT_DIR"]) / "state"
assert open("deck").read() == "as it was", "another attempt wrote into this one's folder"
assert not os.path.exists("scratch"), "of an earlier attempt"
if checkpoint.exists():
    print("goes on after", checkpoint.read_text())
    open("answer", "w").write(checkpoint.read_text())
    sys.exit()
for name in ("deck", "scratch"):
    open(name, "w").write("changed")
checkpoint.write_text("step 7")
print("::steelyard checkpointed")
held = bytearray(b"x" * 2**20) * (250 if sys.argv[1] == "holds" else 0)
print("all there", flush=True)
time.sleep(600)
"""


def simulation(data: Path, directory: Path, program: str, argument: str, run: str = "") -> None:
    """A model in a directory, with one input file; its runs have a folder each."""
    directory.mkdir(exist_ok=True)
    (directory / "deck").write_text("as it was")
    (directory / "model.py").write_text(program)
    (data / "simulations").mkdir(parents=True, exist_ok=True)
    (data / "simulations" / "model.toml").write_text(
        f'[simulation]\nname = "model"\ncommand = ["{sys.executable}", "model.py", "{argument}"]\n'
        f'directory = "{directory}"\n[resources]\nmemory = "300MiB"\n[run]\nworkspace = "fresh"\n{run}'
    )


def submit(client: httpx.Client) -> str:
    answer = client.post("/api/tasks/", json={"simulation": "model", "parameters": {}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def files(client: httpx.Client, task_id: str) -> list[tuple[int, str]]:
    listed = client.get(f"/api/tasks/{task_id}/files/").json()["files"]
    return sorted((one["attempt"], one["name"]) for one in listed)


def goes_on(client: httpx.Client, task_id: str, cause: str) -> None:
    """The second attempt has the checkpoint and a folder as fresh as the first one had; both keep theirs."""
    done = api.ends(client, task_id)
    assert [one["cause"] for one in done["attempts"]] == [cause, "succeeded"], done
    assert "goes on after step 7" in api.log(client, task_id)
    work = [(1, "work/deck"), (1, "work/scratch"), (2, "work/answer")]
    eventually(lambda: files(client, task_id) == work, within=PATIENCE)
    assert [one["remarks"] for one in done["attempts"]] == [[], []]


def test_after_the_memory_guard(tmp_path: Path) -> None:
    simulation(tmp_path / "data", tmp_path / "model", GOES_ON, "holds")
    old = "import time; held = bytearray(b'x' * 2**20) * 250; print('all there', flush=True); time.sleep(600)"
    with limited(1024 * MIB) as group:
        program = (*group.enter, sys.executable, "-m", "steelyard")
        guarded = RunningSidecar(
            tmp_path / "data", "--workers", "2", program=program, WORKER_MEMORY_GUARD=str(256 * MIB)
        )
        with guarded as sidecar, sidecar.client() as client:
            steady = api.submit_python(client, old, memory="300MiB")
            eventually(lambda: "all there" in api.log(client, steady), within=PATIENCE)
            task_id = submit(client)
            eventually(lambda: "all there" in api.log(client, task_id), within=PATIENCE)
            for one in (steady, task_id):
                eventually(
                    lambda one=one: (api.task(client, one)["memory"]["peak"] or 0) > 240 * MIB, within=30
                )
            # Both stay as they are, and there is room for little more.
            group.limit(1024 * MIB - 400 * MIB)
            eventually(lambda: api.task(client, task_id)["attempts"][0]["cause"], within=PATIENCE)
            group.limit(1024 * MIB)
            goes_on(client, task_id, "memory_guard")
            assert api.task(client, steady)["state"] == "RUNNING" and group.oom_kills == 0


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_after_the_end_of_the_sidecar(tmp_path: Path, how: str) -> None:
    simulation(tmp_path / "data", tmp_path / "model", GOES_ON, "waits")
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = submit(client)
        eventually(lambda: "all there" in api.log(client, task_id), within=PATIENCE)
        sidecar.terminate() if how == "terminate" else sidecar.kill()
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        goes_on(client, task_id, "sidecar_lost")


def test_a_file_of_a_simulation_that_goes_ends_what_waits_and_not_what_runs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    simulation(data, tmp_path / "model", "import time; print('all there', flush=True); time.sleep(2)", "")
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        runs, waits = submit(client), submit(client)
        eventually(lambda: "all there" in api.log(client, runs), within=PATIENCE)
        (data / "simulations" / "model.toml").unlink()
        assert api.ends(client, runs)["state"] == "SUCCEEDED"
        done = api.ends(client, waits)
        assert done["state"] == "FAILED" and "model" in done["attempts"][0]["evidence"], done
        eventually(lambda: not list((data / "runtime" / "workspaces").iterdir()), within=PATIENCE)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        sys.platform == "linux"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("a small disk can only be mounted by root on Linux")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("pattern", ["", 'copy = ["*"]\n'])
def test_a_disk_too_small_for_the_files_ends_the_run_with_a_sentence_and_is_as_empty_as_before(
    tmp_path: Path, disk: Path, pattern: str
) -> None:
    simulation(disk / "data", tmp_path / "model", "print('ran')", "", pattern)
    for number in range(6):
        (tmp_path / "model" / f"table{number}").write_bytes(b"x" * 5 * MIB)
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = submit(client)
        done = api.ends(client, task_id)
        assert "the run's folder takes" in done["attempts"][0]["evidence"], done
        work = disk / "data" / "tasks" / task_id / "attempt-1" / "work"
        eventually(lambda: not work.exists(), within=PATIENCE)


def test_a_cancel_amid_the_filling_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    simulation(data, tmp_path / "model", "print('ran')", "", 'copy = ["*"]\n')
    many = tmp_path / "model" / "many"
    many.mkdir()
    for number in range(20_000):
        (many / str(number)).touch()
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = submit(client)
        work = data / "tasks" / task_id / "attempt-1" / "work" / "many"
        eventually(lambda: work.exists() and len(os.listdir(work)) > 100, within=PATIENCE)
        assert client.post(f"/api/tasks/{task_id}/cancel/").status_code == 200
        assert api.ends(client, task_id)["state"] == "CANCELLED"
        eventually(lambda: not work.parent.exists(), within=PATIENCE)
        eventually(lambda: not list((data / "runtime" / "workspaces").iterdir()), within=PATIENCE)
        assert api.log(client, task_id) == ""


def test_a_kill_of_the_sidecar_amid_the_filling_costs_an_attempt_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    simulation(
        data, tmp_path / "model", "import os; print(len(os.listdir('many')), 'there')", "", 'copy = ["*"]\n'
    )
    many = tmp_path / "model" / "many"
    many.mkdir()
    for number in range(20_000):
        (many / str(number)).touch()
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = submit(client)
        work = data / "tasks" / task_id / "attempt-1" / "work" / "many"
        eventually(lambda: work.exists() and len(os.listdir(work)) > 100, within=PATIENCE)
        sidecar.kill()
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        assert "20000 there" in api.log(client, task_id)
        eventually(lambda: not work.parent.exists(), within=PATIENCE)
