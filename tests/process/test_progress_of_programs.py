"""How far programs are that nobody here wrote. Each test needs its program, and is left out without it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

MELT = """
units lj
atom_style atomic
lattice fcc 0.8442
region box block 0 6 0 6 0 6
create_box 1 box
create_atoms 1 box
mass 1 1.0
velocity all create 3.0 87287
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
fix 1 all nve
thermo 50
thermo_modify flush yes
run ${steps}
"""
LAMMPS = r"""
[simulation]
name = "melt"
command = ["lmp", "-in", "{deck}", "-var", "steps", "{steps}", "-log", "none"]
[progress]
pattern = '^\s+(\d+)\s'
total = "{steps}"
[parameters]
deck = {type = "string"}
steps = {type = "integer"}
"""


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    data = tmp_path_factory.mktemp("programs") / "data"
    (data / "simulations").mkdir(parents=True)
    data.chmod(0o700)
    (data / "simulations" / "melt.toml").write_text(LAMMPS)
    with RunningSidecar(data, "--workers", "1") as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 1)
        yield found
        for one in found.get("/api/tasks/").json()["tasks"]:
            if one["state"] in ("READY", "RUNNING"):
                found.post(f"/api/tasks/{one['task_id']}/cancel/")
        eventually(lambda: found.get("/api/workers/status/").json()["queue"]["running"] == 0, within=30)


def reaches(client: httpx.Client, task_id: str, share: float) -> None:
    eventually(lambda: (api.task(client, task_id)["progress"] or 0.0) >= share, within=60)


@needs("Rscript")
def test_the_text_bar_of_r(client: httpx.Client) -> None:
    script = "pb <- txtProgressBar(max=10, style=3); for (i in 1:6) {setTxtProgressBar(pb, i); Sys.sleep(.2)}"
    task_id = api.submit(client, ["Rscript", "-e", f"{script}; Sys.sleep(60)"])
    reaches(client, task_id, 0.6)
    assert api.task(client, task_id)["progress"] == 0.6


@needs("parallel")
@pytest.mark.parametrize("option", ["--bar", "--eta"])
def test_gnu_parallel(client: httpx.Client, option: str) -> None:
    jobs = f"seq 10 | parallel {option} -j1 'if [ {{}} -gt 5 ]; then sleep 60; fi'"
    task_id = api.submit(client, ["sh", "-c", jobs])
    reaches(client, task_id, 0.4)
    assert api.task(client, task_id)["progress"] < 0.7


@needs("lmp")
def test_the_table_of_lammps(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "in.melt").write_text(MELT)
    parameters = {"deck": str(tmp_path / "in.melt"), "steps": 4_000_000}
    answer = client.post("/api/tasks/", json={"simulation": "melt", "parameters": parameters})
    task_id = answer.raise_for_status().json()["task_id"]
    reaches(client, task_id, 1e-4)
    seen = api.task(client, task_id)
    assert seen["progress"] < 0.5 and seen["attempts"][0]["remarks"] == []
