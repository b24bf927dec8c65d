"""Programs that share memory between processes leave nothing behind, however they end; with a real sidecar.

Others may use shared memory at the same time, for a while; what a run leaves stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from steelyard.machine.shared_memory import unused
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="segments are files in /dev/shm here")

SEGMENT = str(Path(__file__).with_name("leaves_segment.py"))
ENDS = ["ok", "crash", "cancel", "time limit", "abort"]

LOKY = """
import sys, time
import numpy as np
from joblib import Parallel, delayed

def part(array, number):
    print("all there", flush=True)
    time.sleep(0.2 if sys.argv[1] in ("ok", "crash") else 600)
    return float(array[number::7].sum())

if __name__ == "__main__":
    array = np.ones(4 * 2**20)
    sums = Parallel(n_jobs=2)(delayed(part)(array, number) for number in range(2))
    if sys.argv[1] == "crash":
        raise RuntimeError("diverged in year 2031")
    print(sums)
"""

RANK = """
import os, sys, time
print("all there", flush=True)
time.sleep(0.5 if sys.argv[1] in ("ok", "crash") else 600)
sys.exit(3 if sys.argv[1] == "crash" and os.environ["OMPI_COMM_WORLD_RANK"] == "1" else 0)
"""

LAMMPS = """
units lj
atom_style atomic
lattice fcc 0.8442
region box block 0 6 0 6 0 6
create_box 1 box
create_atoms 1 box
mass 1 1.0
velocity all create 1.44 87287
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
fix 1 all nve
thermo 10
print "all there"
run {steps}
{then}
"""


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as running:
        yield running


@pytest.fixture
def names() -> Iterator[Callable[[], set[str]]]:
    """What is new in /dev/shm and in the folder of temporary files that is OpenMPI's."""

    def found() -> set[str]:
        folder = Path(tempfile.gettempdir())
        sessions = {str(one) for one in folder.glob("ompi.*/*")} | {
            str(one) for one in folder.glob("openmpi-*/*")
        }
        return {f"/dev/shm/{name}" for name in os.listdir("/dev/shm")} | sessions

    before = found()
    yield lambda: found() - before
    for one in unused():
        if one.path not in before:
            os.unlink(one.path)


def python_with(module: str) -> str:
    """A Python here that has a module: that of the tests, or Debian's."""
    for program in (sys.executable, "/usr/bin/python3"):
        if (
            shutil.which(program)
            and not subprocess.run([program, "-c", f"import {module}"], capture_output=True).returncode
        ):
            return program
    pytest.skip(f"no Python here has {module}")


def tool(program: str) -> str:
    """Where a program is; without it the test is skipped."""
    return shutil.which(program) or pytest.skip(f"{program} is not installed")


def ends(client: httpx.Client, argv: list[str], how: str) -> dict[str, object]:
    """A task of this program, brought to its end in this way."""
    limit = {"timeout": 12} if how == "time limit" else {}
    task = {"simulation": "command", "parameters": {"argv": argv}, "attempts": 1, **limit}
    answer = client.post("/api/tasks/", json=task)
    assert answer.status_code == 201, answer.text
    task_id = answer.json()["task_id"]
    if how in ("cancel", "time limit", "abort"):
        eventually(lambda: "all there" in api.log(client, task_id), within=PATIENCE)
    if how == "cancel":
        assert client.post(f"/api/tasks/{task_id}/cancel/").status_code == 200
    if how == "abort":
        (worker,) = api.workers(client)
        done = client.post(f"/api/workers/{worker['worker_id']}/abort/?confirm=yes")
        assert done.status_code == 200, done.text
    row = api.ends(client, task_id)
    causes = {"ok": "succeeded", "crash": "error", "cancel": "cancelled", "time limit": "timeout"}
    causes["abort"] = "aborted"
    assert row["cause"] == causes[how], (row, api.log(client, task_id))
    return row


@pytest.mark.parametrize("how", ENDS)
def test_pythons_shared_memory(sidecar: RunningSidecar, names: Callable[[], set[str]], how: str) -> None:
    kind = how if how in ("ok", "crash") else "wait"
    with sidecar.client() as client:
        ends(client, [sys.executable, SEGMENT, kind, f"steelyard-test-{uuid.uuid4().hex}"], how)
        eventually(lambda: not names(), within=PATIENCE)


@pytest.mark.parametrize("how", ENDS)
def test_joblibs_array(
    sidecar: RunningSidecar, names: Callable[[], set[str]], tmp_path: Path, how: str
) -> None:
    program = tmp_path / "model.py"
    program.write_text(LOKY)
    with sidecar.client() as client:
        ends(client, [python_with("joblib, numpy"), str(program), how], how)
        eventually(lambda: not names(), within=PATIENCE)


@pytest.mark.parametrize("how", ENDS)
def test_mpirun(sidecar: RunningSidecar, names: Callable[[], set[str]], tmp_path: Path, how: str) -> None:
    mpirun = tool("mpirun")
    program = tmp_path / "rank.py"
    program.write_text(RANK)
    argv = [mpirun, "--allow-run-as-root", "--oversubscribe", "-n", "2", sys.executable, str(program), how]
    with sidecar.client() as client:
        ends(client, argv, how)
        eventually(lambda: not names(), within=PATIENCE)


@pytest.mark.parametrize("how", ENDS)
def test_a_program_of_mpi_without_mpirun(
    sidecar: RunningSidecar, names: Callable[[], set[str]], tmp_path: Path, how: str
) -> None:
    lammps = tool("lmp")
    deck = tmp_path / "in.melt"
    steps = 50 if how in ("ok", "crash") else 10_000_000
    deck.write_text(LAMMPS.format(steps=steps, then="no such command" if how == "crash" else ""))
    with sidecar.client() as client:
        ends(client, [lammps, "-log", "none", "-in", str(deck)], how)
        eventually(lambda: not names(), within=PATIENCE)


def test_what_a_killed_tree_leaves_is_named_on_its_task_and_by_the_doctor(
    sidecar: RunningSidecar, names: Callable[[], set[str]], tmp_path: Path
) -> None:
    name = f"steelyard-test-{uuid.uuid4().hex}"
    # Written by hand: no tracker knows of it.
    program = f"open('/dev/shm/{name}', 'wb').write(b'x' * 3 * 2**20)"
    with sidecar.client() as client:
        task_id = str(ends(client, [sys.executable, "-c", program], "ok")["task_id"])
        remarks = eventually(lambda: api.task(client, task_id)["attempts"][0]["remarks"], within=PATIENCE)
        assert len(remarks) == 1 and name in remarks[0] and "3.0 MiB" in remarks[0]
        told = subprocess.run(
            [sys.executable, "-m", "steelyard", "doctor", "--data-dir", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert f"/dev/shm/{name}" in told.stdout
    assert [one for one in unused() if one.path == f"/dev/shm/{name}"]
