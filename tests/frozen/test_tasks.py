"""What a task of the frozen program gets: the user's environment and libraries, never the bundle's."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from steelyard.rules.variables import threads
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="memory maps are read from /proc here"),
]

PYTHONS = sorted({sys.executable, *(found for found in ["/usr/bin/python3"] if Path(found).exists())})

LIBRARIES = """
import hashlib, lzma, ctypes, sqlite3, ssl, zlib
print(ssl.OPENSSL_VERSION, sqlite3.sqlite_version)
for line in open("/proc/self/maps"):
    print(line.split()[-1])
"""


@pytest.fixture
def client(program: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """A sidecar with a worker, started by somebody who has a library path of their own."""
    with (
        RunningSidecar(
            tmp_path / "data",
            "--workers",
            "1",
            program=[str(program)],
            LD_LIBRARY_PATH="/opt/of the user/lib",
            PYTHONPATH="/opt/of the user/python",
        ) as running,
        running.client() as client,
    ):
        yield client


def output(client: httpx.Client, argv: list[str]) -> str:
    """What a task prints that has to succeed."""
    task_id = api.submit(client, argv)
    assert api.ends(client, task_id)["state"] == "SUCCEEDED", api.log(client, task_id)
    return api.log(client, task_id)


def test_nothing_of_the_bundle_is_in_its_environment(client: httpx.Client, program: Path) -> None:
    text = output(client, ["env"])
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    assert found["LD_LIBRARY_PATH"] == "/opt/of the user/lib"
    assert found["PYTHONPATH"].endswith(":/opt/of the user/python")
    assert [name for name in found if name.startswith(("_PYI", "_MEI", "LD_LIBRARY_PATH_"))] == []
    assert str(program.parent) not in text


def test_without_a_library_path_there_is_none(bare: Callable[..., Sequence[str]], tmp_path: Path) -> None:
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", program=bare()) as running,
        running.client() as client,
    ):
        found = dict(line.partition("=")[::2] for line in output(client, ["env"]).splitlines())
    assert set(found) - {name for name in found if name.startswith(("STEELYARD_", "WORKER_"))} == {
        *("HOME", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONIOENCODING"),
        *("TMPDIR", "TMP", "TEMP"),
        *threads(1, lambda name: False),
    }


@pytest.mark.parametrize("python", PYTHONS)
def test_the_users_python_loads_its_own_libraries(client: httpx.Client, program: Path, python: str) -> None:
    text = output(client, [python, "-c", LIBRARIES])
    assert "libsqlite3" in text and "libssl" in text
    assert str(program.parent) not in text


def test_the_helper_is_the_users_python_s_to_import(client: httpx.Client) -> None:
    code = "import steelyard_task as t; t.progress(0.5, 'halb'); t.result({'file': t.__file__})"
    task_id = api.submit_python(client, code)
    done = api.ends(client, task_id)
    assert done["result"]["file"].endswith("/runtime/helper/steelyard_task.py")


def test_the_bundled_simulation_runs_in_the_python_that_is_named(
    bare: Callable[..., Sequence[str]], tmp_path: Path
) -> None:
    program = bare(STEELYARD_PYTHON=sys.executable)
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", program=program) as running,
        running.client() as client,
    ):
        body = {"simulation": "steel-pathway", "parameters": {"resolution": 1}}
        done = api.ends(client, client.post("/api/tasks/", json=body).json()["task_id"])
        assert done["state"] == "SUCCEEDED", done
        assert done["result"]["production_2020_mt"] == pytest.approx(1880.4)


def test_a_python_without_its_libraries_says_which_and_a_better_one_can_be_named_at_once(
    bare: Callable[..., Sequence[str]], tmp_path: Path
) -> None:
    lean = tmp_path / "lean python"
    lean.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    lean.chmod(0o755)
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", program=bare()) as running,
        running.client() as client,
    ):
        client.patch("/api/preferences/", json={"python": str(lean)}).raise_for_status()
        body = {"simulation": "steel-pathway", "parameters": {"resolution": 1}, "attempts": 1}
        task_id = client.post("/api/tasks/", json=body).json()["task_id"]
        failed = api.ends(client, task_id)
        assert (failed["state"], failed["attempts"][0]["exit_code"]) == ("FAILED", 69)
        assert "steel-pathway needs numpy, scipy, matplotlib in the Python that runs it" in api.log(
            client, task_id
        )

        client.patch("/api/preferences/", json={"python": "/gone/python3"}).raise_for_status()
        task_id = client.post("/api/tasks/", json=body).json()["task_id"]
        assert "there is none at /gone/python3" in api.ends(client, task_id)["attempts"][0]["evidence"]


def test_a_task_may_call_the_frozen_program_itself(
    client: httpx.Client, program: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "data")
    assert shutil.which("sh")
    text = output(client, [str(program), "tasks", "--json", "--data-dir", where])
    assert '"RUNNING"' in text
