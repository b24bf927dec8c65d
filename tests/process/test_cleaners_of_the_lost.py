"""What programs that share memory leave when the sidecar itself goes, or the worker that ran them."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually
from tests.process.test_cleaners import LAMMPS, LOKY, RANK, SEGMENT, names, python_with, tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="segments are files in /dev/shm here")

__all__ = ["names"]

PROGRAMS = ["segment", "large segment", "joblib", "mpirun", "lammps"]


def argv_of(program: str, folder: Path) -> list[str]:
    """The command of a run that shares memory and goes on until it is ended."""
    if program.endswith("segment"):
        how = "grow" if program.startswith("large") else "wait"
        return [sys.executable, SEGMENT, how, f"steelyard-test-{uuid.uuid4().hex}"]
    model = folder / "model"
    if program == "joblib":
        model.write_text(LOKY)
        return [python_with("joblib, numpy"), str(model), "wait"]
    if program == "mpirun":
        model.write_text(RANK)
        ranks = ["--allow-run-as-root", "--oversubscribe", "-n", "2"]
        return [tool("mpirun"), *ranks, sys.executable, str(model), "wait"]
    model.write_text(LAMMPS.format(steps=10_000_000, then=""))
    return [tool("lmp"), "-log", "none", "-in", str(model)]


def runs(client: httpx.Client, argv: list[str], **more: int) -> str:
    """The id of a task that has said that all of it is there."""
    task_id = api.submit(client, argv, **more)
    eventually(lambda: "all there" in api.log(client, task_id), within=PATIENCE)
    return task_id


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("how", ["kill", "terminate", "terminate twice", "parent"])
def test_the_sidecar_goes(tmp_path: Path, names: Callable[[], set[str]], program: str, how: str) -> None:
    argv = argv_of(program, tmp_path)
    hello = how == "parent"
    arguments = ("1",) if hello else ("--workers", "1")
    with RunningSidecar(tmp_path / "data", *arguments, hello=hello) as sidecar:
        with sidecar.client() as client:
            runs(client, argv)
        if how == "kill":
            sidecar.kill()
        elif how == "parent":
            assert sidecar.process.stdin is not None
            sidecar.process.stdin.close()
        else:
            os.kill(sidecar.process.pid, signal.SIGTERM)
            if how == "terminate twice":
                os.kill(sidecar.process.pid, signal.SIGTERM)
        sidecar.process.wait(PATIENCE)
        eventually(lambda: not names(), within=PATIENCE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_first_process_is_killed(tmp_path: Path, names: Callable[[], set[str]], program: str) -> None:
    argv = argv_of(program, tmp_path)
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = runs(client, argv, attempts=1)
        os.kill(api.task(client, task_id)["attempts"][0]["pid"], signal.SIGKILL)
        assert api.ends(client, task_id)["cause"] == "error"
        eventually(lambda: not names(), within=PATIENCE)


def test_what_stays_after_a_kill_of_the_worker_is_named_on_the_task(
    tmp_path: Path, names: Callable[[], set[str]]
) -> None:
    lone = RunningSidecar(tmp_path / "data", "--workers", "1", WORKER_REPLACE_CRASHED="0")
    with lone as sidecar, sidecar.client() as client:
        argv = argv_of("segment", tmp_path)
        task_id = runs(client, argv)
        (worker,) = api.workers(client)
        os.kill(worker["pid"], signal.SIGKILL)

        def remarks() -> list[str]:
            found: list[str] = api.task(client, task_id)["attempts"][0]["remarks"]
            return found

        assert argv[-1] in eventually(remarks, within=PATIENCE)[0]


def test_what_stays_after_a_kill_of_the_sidecar_is_named_on_the_task_at_the_next_start(
    tmp_path: Path, names: Callable[[], set[str]]
) -> None:
    name = f"steelyard-test-{uuid.uuid4().hex}"
    # Nothing of it cleans up.
    argv = ["sh", "-c", f"echo x > /dev/shm/{name}; echo all there; exec sleep 600"]
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = runs(client, argv)
        sidecar.kill()
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:

        def remarks() -> list[str]:
            first = api.task(client, task_id)["attempts"][0]
            assert first["cause"] == "sidecar_lost"
            found: list[str] = first["remarks"]
            return found

        assert name in eventually(remarks, within=PATIENCE)[0]
