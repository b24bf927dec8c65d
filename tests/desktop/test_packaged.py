"""The packaged program, from its start to its end. What needs a look into main is tried from source."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

import package
from tests.desktop.conftest import BARE_PATH, Launch, keep_picture
from tests.desktop.program import Desktop, lives
from tests.helpers import family
from tests.helpers.waiting import eventually


def get(desktop: Desktop, path: str) -> Any:
    with desktop.client() as client:
        return client.get(path).json()


def test_it_starts_without_python_and_its_first_worker_runs(launch_package: Launch) -> None:
    desktop = launch_package()
    desktop.panel().says("RUNNING", "#worker-status")
    sidecar = psutil.Process(desktop.record["pid"])
    assert Path(sidecar.exe()).parent == package.LINUX / "resources" / "sidecar"
    assert get(desktop, "/api/system/")["data_dir"] == str(desktop.data)


def test_too_little_memory_is_asked_about_in_the_window(launch_package: Launch) -> None:
    desktop = launch_package(WORKER_PEAK_MEMORY="60TiB")
    panel = desktop.panel()
    panel.says("Insufficient Memory Warning", "#dialog")
    keep_picture(panel, "prompt")
    panel.click("#dialog button", "Run without workers")
    eventually(lambda: panel.text("#dialog") == "", within=10)
    assert get(desktop, "/api/workers/status/")["workers"] == []
    assert get(desktop, "/api/startup/")["prompt"] is None


def test_preferences_survive_a_restart(launch_package: Launch) -> None:
    first = launch_package()
    first.panel().evaluate("void (location.href = '/preferences/')")
    first.shows(lambda page: page.url.endswith("/preferences/"))
    answer = first.panel().evaluate(
        "fetch('/api/preferences/', {method: 'PATCH', headers: {'Content-Type': 'application/json'},"
        " body: JSON.stringify({worker_task_timeout: '36h', start_worker_at_launch: false})})"
        ".then((answer) => answer.status)"
    )
    assert answer == 200
    first.process.send_signal(signal.SIGTERM)
    assert first.leaves() == 0
    second = launch_package()
    second.panel()
    values = get(second, "/api/preferences/")["values"]
    assert (values["worker_task_timeout"], values["start_worker_at_launch"]) == (129600.0, False)
    assert get(second, "/api/workers/status/")["limits"]["active"] == 0


def test_a_folder_with_spaces_and_other_letters_a_dead_proxy_and_a_locked_preference(
    launch_package: Launch, tmp_path: Path
) -> None:
    data = tmp_path / "Größe & Maß – 鋼 données" / "день 1"
    dead = "http://127.0.0.1:9"
    desktop = launch_package(
        data, HTTP_PROXY=dead, http_proxy=dead, HTTPS_PROXY=dead, ALL_PROXY=dead, NO_PROXY="x.test",
        WORKER_MAX_COUNT="3",
    )  # fmt: skip
    desktop.panel().says("RUNNING", "#worker-status")
    environ = psutil.Process(desktop.record["pid"]).environ()
    assert environ["NO_PROXY"].split(",") == ["x.test", "127.0.0.1", "localhost", "::1"]
    found = get(desktop, "/api/preferences/")
    assert found["values"]["worker_max_count"] == 3
    assert found["sources"]["worker_max_count"] == "environment"
    assert get(desktop, "/api/system/")["data_dir"] == str(data)
    assert (data / "steelyard.db").exists() and (data / "electron").is_dir()
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "logs" / "electron.log").stat().st_mode & 0o777 == 0o600


def test_a_second_instance_leaves_and_the_first_goes_on(launch_package: Launch) -> None:
    first = launch_package()
    first.panel()
    sidecar = first.record["pid"]
    assert launch_package().leaves() == 0
    assert first.record["pid"] == sidecar
    assert first.targets() == ["page"]
    first.panel()


def test_program_and_command_line_find_the_same_data_directory(
    launch_package: Launch, tmp_path: Path
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


def test_when_main_is_killed_all_is_gone(launch_package: Launch, tmp_path: Path) -> None:
    """kill -9 of Electron while two tasks run, each with grandchildren in sessions of their own."""
    desktop = launch_package(WORKER_MAX_COUNT="2", WORKER_CORES="4", WORKER_PEAK_MEMORY="64MiB")
    desktop.panel().says("RUNNING", "#worker-status")
    families = []
    with desktop.client() as client:
        assert client.post("/api/workers/add/", json={"force": True}).status_code == 201
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            body = {"simulation": "command", "parameters": {"argv": family.argv(folder)}}
            assert client.post("/api/tasks/", json=body).status_code == 201
            families.append(eventually(lambda folder=folder: family.members(folder), within=30))
    try:
        sidecar = psutil.Process(desktop.record["pid"])
        tasks = [one for members in families for one in members.values()]
        everybody = [sidecar, *sidecar.children(recursive=True), *tasks]
        desktop.kill()
        began = time.monotonic()
        eventually(lambda: not any(lives(one) for one in everybody), within=10, every=0.01)
        print(f"all {len({one.pid for one in everybody})} gone after {time.monotonic() - began:.2f} s")
        eventually(lambda: desktop.left() == [], within=5)
    finally:
        for members in families:
            family.end(members)
