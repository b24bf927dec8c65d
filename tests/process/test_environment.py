"""What variables a task really sees. Real sidecars, real tasks."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steelyard.client import Client
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar, environment

SHOW = "import json, os, steelyard_task; steelyard_task.result(dict(os.environ))"
RANKS = f"""
[simulation]
name = "ranks"
command = ["{sys.executable}", "-c", "{SHOW}"]
[resources]
cores = "{{ranks}}"
memory = "64MiB"
[environment]
OMP_NUM_THREADS = "{{cores}}"
CASE = "{{case}}/{{{{x}}}}"
WHO = "file"
[parameters]
ranks = {{type = "integer", minimum = 1, default = 1}}
case = {{type = "string", default = "a b"}}
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    """A sidecar with variables of its user's."""
    folder = tmp_path_factory.mktemp("environment")
    simulations = folder / "data" / "simulations"
    simulations.mkdir(parents=True)
    (folder / "data").chmod(0o700)
    (simulations / "ranks.toml").write_text(RANKS)
    variables = {"PYTHONPATH": "/of/the/sidecar", "WHO": "sidecar", "RAYON_NUM_THREADS": "7"}
    with RunningSidecar(folder / "data", "--workers", "1", **variables) as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 1)
        yield found


def seen(client: httpx.Client, environment: dict[str, str | None]) -> dict[str, str]:
    """The environment of a task that states this one."""
    parameters = {"argv": [sys.executable, "-c", SHOW], "environment": environment}
    body = {"simulation": "command", "parameters": parameters, "memory": "64MiB", "attempts": 1}
    return result(client, client.post("/api/tasks/", json=body))


def result(client: httpx.Client, submitted: httpx.Response) -> Any:
    done = api.ends(client, submitted.json()["task_id"])
    assert done["state"] == "SUCCEEDED", api.log(client, done["task_id"])
    return done["result"]


def test_a_module_beside_the_users_pythonpath_is_found(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "mymodule.py").write_text("value = 42\n")
    argv = [sys.executable, "-c", "import mymodule, steelyard_task; steelyard_task.result(mymodule.value)"]
    parameters = {"argv": argv, "environment": {"PYTHONPATH": str(tmp_path)}}
    body = {"simulation": "command", "parameters": parameters, "memory": "64MiB", "attempts": 1}
    assert result(client, client.post("/api/tasks/", json=body)) == 42


def test_null_takes_the_sidecars_away_but_not_the_helper(client: httpx.Client) -> None:
    assert seen(client, {})["PYTHONPATH"].endswith(f"/runtime/helper{os.pathsep}/of/the/sidecar")
    assert seen(client, {"PYTHONPATH": None})["PYTHONPATH"].endswith("/runtime/helper")


def test_a_parameter_says_the_cores_and_the_file_the_variables(client: httpx.Client) -> None:
    task = {"simulation": "ranks", "parameters": {"ranks": 2}}
    found = result(client, client.post("/api/tasks/", json=task))
    assert (found["STEELYARD_CORES"], found["OMP_NUM_THREADS"], found["JULIA_NUM_THREADS"]) == ("2", "2", "2")
    assert (found["CASE"], found["WHO"]) == ("a b/{x}", "file")
    assert found["RAYON_NUM_THREADS"] == "7", "the user has set it"
    refused = client.post("/api/tasks/", json={"simulation": "ranks", "parameters": {"ranks": 2000}})
    assert (refused.status_code, refused.json()["error"]["detail"]["errors"][0]["path"]) == (422, "ranks")


def test_the_preference_holds_for_tasks_that_start_after_it_and_no_value_of_it_leaks(
    client: httpx.Client, sidecar: RunningSidecar
) -> None:
    change = {"task_environment": {"WHO": "preference", "LICENCE": "s3cr3t-of-mine"}}
    assert client.patch("/api/preferences/", json=change).status_code == 200
    try:
        found = seen(client, {})
        assert (found["WHO"], found["LICENCE"]) == ("preference", "s3cr3t-of-mine")
        assert seen(client, {"WHO": "task"})["WHO"] == "task"
        ranks = result(client, client.post("/api/tasks/", json={"simulation": "ranks", "parameters": {}}))
        assert ranks["WHO"] == "file"
        archive = client.get("/system/diagnostics.zip")
        assert archive.status_code == 200
        assert sidecar.data_dir.joinpath("preferences.json").read_text().count("s3cr3t-of-mine") == 1
        for log in sidecar.data_dir.joinpath("logs").iterdir():
            assert b"s3cr3t-of-mine" not in log.read_bytes(), log
        assert "s3cr3t-of-mine" not in unzipped(archive.content)
        refused = client.patch("/api/preferences/", json={"task_environment": {"STEELYARD_X": "1"}})
        assert refused.status_code == 400
        lines = client.patch("/api/preferences/", json={"task_environment": "A=1\n\n B = x=y \n"}).json()
        assert lines["values"]["task_environment"] == {"A": "1", "B": "x=y"}
    finally:
        client.patch("/api/preferences/", json={"task_environment": None})


def unzipped(data: bytes) -> str:
    """All texts of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


def test_a_variable_of_the_preferences_is_set_and_taken_away_by_its_name(
    client: httpx.Client, sidecar: RunningSidecar
) -> None:
    def steelyard(*arguments: str) -> str:
        return sidecar_command(sidecar, "preferences", *arguments)

    steelyard("set", "task_environment.A=1", "task_environment.B=x=y")
    assert json.loads(steelyard("list", "task_environment", "--json"))["value"] == {"A": "1", "B": "x=y"}
    assert "x=y" not in steelyard("list")
    steelyard("reset", "task_environment.A")
    assert client.get("/api/preferences/").json()["values"]["task_environment"] == {"B": "x=y"}
    steelyard("reset", "task_environment.B")
    assert client.get("/api/preferences/").json()["sources"]["task_environment"] == "default"


@pytest.mark.skipif(os.name == "nt", reason="a program is a file with a first line")
def test_run_takes_the_programs_of_its_shell_along_and_says_so(
    client: httpx.Client, sidecar: RunningSidecar, tmp_path: Path
) -> None:
    model = tmp_path / "model-of-mine"
    model.write_text('#!/bin/sh\necho "in $VIRTUAL_ENV, with $CONDA_PREFIX"\n')
    model.chmod(0o700)
    shell = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "VIRTUAL_ENV": "/envs/x"}
    done = steelyard_run(sidecar, ["--", "model-of-mine"], **shell)
    assert (done.returncode, done.stdout) == (0, "in /envs/x, with \n"), done.stderr
    assert "It runs with what this shell has as PATH, VIRTUAL_ENV;" in done.stderr
    stated = steelyard_run(sidecar, ["--env", "VIRTUAL_ENV=/mine", "--", "model-of-mine"], **shell)
    assert stated.stdout == "in /mine, with \n"
    same = steelyard_run(sidecar, ["--", "env"])
    assert "this shell" not in same.stderr


@pytest.mark.skipif(os.name == "nt", reason="a program is a file with a first line")
def test_the_client_takes_them_along_as_well(
    sidecar: RunningSidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model-in-a-notebook"
    model.write_text('#!/bin/sh\necho "in $VIRTUAL_ENV, for $WHOM"\n')
    model.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("VIRTUAL_ENV", "/envs/notebook")

    def printed(**options: Any) -> str:
        with Client.find(sidecar.data_dir) as here:
            task_id = here.run(["model-in-a-notebook"], **options)
            here.wait(task_id)
            return here.log(task_id)["text"]

    assert printed(environment={"WHOM": "me"}) == "in /envs/notebook, for me\n"
    assert printed(environment={"VIRTUAL_ENV": "/mine"}, label="again") == "in /mine, for \n"


def test_run_leaves_alone_what_the_preference_sets(client: httpx.Client, sidecar: RunningSidecar) -> None:
    assert "PATH" in client.get("/api/system/").json()["task_environment"]["programs"]
    client.patch("/api/preferences/", json={"task_environment": {"VIRTUAL_ENV": "/of/all"}})
    try:
        done = steelyard_run(
            sidecar, ["--", sys.executable, "-c", "import os; print(os.environ['VIRTUAL_ENV'])"]
        )
        assert done.stdout == "/of/all\n"
    finally:
        client.patch("/api/preferences/", json={"task_environment": None})


def steelyard_run(
    sidecar: RunningSidecar, arguments: list[str], **shell: str
) -> subprocess.CompletedProcess[str]:
    """`steelyard run` from a shell with these variables."""
    mine = {name: text for name, text in environment().items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    command = [
        sys.executable,
        "-m",
        "steelyard",
        "run",
        "--data-dir",
        str(sidecar.data_dir),
        "--memory",
        "64MiB",
    ]
    return subprocess.run(
        [*command, *arguments], env={**mine, **shell}, capture_output=True, text=True, timeout=60
    )


def sidecar_command(sidecar: RunningSidecar, *arguments: str) -> str:
    command = [sys.executable, "-m", "steelyard", *arguments, "--data-dir", str(sidecar.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
