"""The packaged program, from outside: its fuses forbid to look into it.

What a package can break is tried here; the rest is tried from source, on the very same code.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import package
from tests.desktop.program import Desktop
from tests.helpers.waiting import eventually

BARE_PATH = "/nowhere"
"""No Python, no Node.js, nothing."""

LaunchPackage = Callable[..., Desktop]

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
time.sleep(300)
"""


@pytest.fixture(scope="session")
def packaged(electron: Path) -> Path:
    """The program of `scripts/package.py --dir`."""
    try:
        package.build(["dir"])
    except package.PackageError as error:
        pytest.fail(str(error))
    return package.PROGRAM


@pytest.fixture
def launch_package(packaged: Path, display: str, tmp_path: Path) -> Iterator[LaunchPackage]:
    """launch_package() starts it without anything on the PATH; nothing is left at the end."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    started: list[Desktop] = []
    with contextlib.ExitStack() as stack:

        def start(data: Path | None = None, **env: Any) -> Desktop:
            output = tmp_path / f"package-{len(started)}.txt"
            given = {"PATH": BARE_PATH, **env}
            one = Desktop([str(packaged), *root], data or tmp_path / "data", display, output, **given)
            started.append(stack.enter_context(one))
            return one

        yield start
    for one in started:
        assert one.stragglers == []


def get(desktop: Desktop, path: str) -> Any:
    with desktop.client() as client:
        return client.get(path).json()


def running(desktop: Desktop) -> bool:
    workers = get(desktop, "/api/workers/status/")["workers"]
    return [one["state"] for one in workers] == ["RUNNING"]


def test_34_the_fuses_are_set_in_the_packaged_program(packaged: Path) -> None:
    found = package.read_fuses(packaged)
    assert {name: found.get(name) for name in package.WANTED_FUSES} == package.WANTED_FUSES


def test_34_a_packaged_program_is_no_node_and_takes_no_inspector(packaged: Path, tmp_path: Path) -> None:
    code = tmp_path / "code.js"
    code.write_text("require('fs').writeFileSync(process.env.PROOF, 'ran')")
    proof = tmp_path / "proof"
    environment = {"PATH": BARE_PATH, "PROOF": str(proof), "ELECTRON_RUN_AS_NODE": "1"}
    # With the fuse it is a program of windows whatever the variable says, and there is no display.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [str(packaged), "--no-sandbox", str(code)],
            env={**environment, "STEELYARD_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            timeout=20,
            check=False,
        )
    assert not proof.exists()


def test_it_starts_without_python_and_its_first_worker_runs(launch_package: LaunchPackage) -> None:
    desktop = launch_package()
    desktop.panel()
    eventually(lambda: running(desktop), within=30)
    sidecar = psutil.Process(desktop.record["pid"])
    assert Path(sidecar.exe()).parent == package.LINUX / "resources" / "sidecar"
    system = get(desktop, "/api/system/")
    assert system["data_dir"] == str(desktop.data)


def test_a_folder_with_spaces_and_other_letters_a_dead_proxy_and_a_locked_preference(
    launch_package: LaunchPackage, tmp_path: Path
) -> None:
    data = tmp_path / "Läufe von Zoë" / "день 1"
    desktop = launch_package(
        data, HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9", WORKER_MAX_COUNT="3"
    )
    desktop.panel()
    found = get(desktop, "/api/preferences/")
    assert found["values"]["worker_max_count"] == 3
    assert found["sources"]["worker_max_count"] == "environment"
    assert get(desktop, "/api/system/")["data_dir"] == str(data)


def test_program_and_command_line_find_the_same_data_directory(
    launch_package: LaunchPackage, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # Empty is not set: both go by the platform's rule.
    desktop = launch_package(
        home / ".local" / "share" / "Steelyard", HOME=str(home), XDG_DATA_HOME="", STEELYARD_DATA_DIR=""
    )
    desktop.panel()
    command = [str(package.LINUX / "resources" / "sidecar" / "steelyard"), "system", "--json"]
    environment = {"PATH": BARE_PATH, "HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data_dir"] == str(desktop.data)


def test_a_sidecar_that_is_killed_comes_back(launch_package: LaunchPackage) -> None:
    desktop = launch_package()
    desktop.panel()
    seen = set()
    for _ in range(2):
        pid = desktop.record["pid"]
        seen.add(pid)
        psutil.Process(pid).kill()
        eventually(lambda: desktop.record["pid"] not in seen, within=30)
        eventually(lambda: answers(desktop), within=30)


def answers(desktop: Desktop) -> bool:
    with contextlib.suppress(httpx.HTTPError), desktop.client() as client:
        return client.get("/healthz").status_code == 200
    return False


def test_when_main_is_killed_nobody_is_left(launch_package: LaunchPackage) -> None:
    desktop = launch_package(WORKER_MAX_COUNT="2", WORKER_CORES="4", WORKER_PEAK_MEMORY="64MiB")
    desktop.panel()
    eventually(lambda: running(desktop), within=30)
    with desktop.client() as client:
        client.post("/api/workers/add/", json={"force": True})
        for _ in range(2):
            desktop.submit(FAMILY)
        eventually(lambda: client.get("/api/workers/status/").json()["queue"]["running"] == 2, within=30)
    eventually(lambda: len(tasks_of(desktop)) >= 4, within=20)
    family = desktop.family()
    everybody = {**family, **{one.pid: one for one in tasks_of(desktop)}}
    desktop.let_go()
    desktop.process.kill()
    desktop.process.wait(20)
    eventually(lambda: not [one for one in everybody.values() if one.is_running() and alive(one)], within=20)


def tasks_of(desktop: Desktop) -> list[psutil.Process]:
    """The task processes and what they started, wherever they hang."""
    sidecar = psutil.Process(desktop.record["pid"])
    return [one for one in sidecar.children(recursive=True) if "time.sleep(300)" in " ".join(cmdline(one))]


def cmdline(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
