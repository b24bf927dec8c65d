"""From the click to the first worker, and what is remembered from one launch to the next."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import psutil
import pytest

from steelyard.machine.paths import POINTER, data_directory
from tests.desktop.conftest import Launch, keep_picture
from tests.desktop.fakes import fake_sidecar
from tests.desktop.program import ROOT, Desktop
from tests.helpers.sidecar import RunningSidecar, environment
from tests.helpers.waiting import eventually


def test_a_cold_start_ends_with_a_worker_that_runs(launch: Launch) -> None:
    desktop = launch()
    panel = desktop.panel()
    panel.says("RUNNING", "#worker-status")
    eventually(lambda: "starting" not in panel.text("#worker-status"), within=30)
    keep_picture(panel, "panel")
    assert desktop.run("return window.getTitle()") == "Steelyard"
    assert re.search(r"first page painted after \d+ ms", desktop.log)
    assert desktop.record["token"] not in desktop.log + desktop.output


def test_the_splash_tells_the_phases_and_that_it_takes_long(launch: Launch, tmp_path: Path) -> None:
    slow = fake_sidecar(
        tmp_path,
        """
        say(event="phase", name="migrating", detail="version 1 to 2")
        time.sleep(60)
        """,
    )
    desktop = launch(STEELYARD_SIDECAR=slow, timings={"longerThanUsual": 1500})
    splash = desktop.page
    splash.says("Bringing the database up to date", "#phase")
    splash.says("taking longer than usual", "#longer")
    assert splash.url == "app://steelyard/splash.html"
    keep_picture(splash, "splash")


def test_a_start_may_take_long_as_long_as_it_tells_of_its_phases(launch: Launch, tmp_path: Path) -> None:
    chatty = fake_sidecar(
        tmp_path,
        """
        for number in range(8):
            say(event="phase", name=f"step{number}", detail="")
            time.sleep(0.5)
        say(event="fatal", code="migration_failed", message="It did not work out.", remedy="Ask for help.")
        sys.exit(2)
        """,
    )
    desktop = launch(STEELYARD_SIDECAR=chatty, timings={"phaseLimit": 2000})
    page = desktop.lost("migration_failed")
    assert "step7" in desktop.log
    assert "It did not work out." in page.text() and "Ask for help." in page.text()


def test_the_environment_fixes_a_preference(launch: Launch) -> None:
    desktop = launch(WORKER_MAX_COUNT="3", WORKER_QUEUE_NAME="night")
    desktop.panel()
    with desktop.client() as client:
        found = client.get("/api/preferences/").json()
    assert (found["values"]["worker_max_count"], found["values"]["worker_queue_name"]) == (3, "night")
    assert found["sources"]["worker_max_count"] == "environment"


def test_a_second_instance_shows_the_first_and_leaves(launch: Launch) -> None:
    first = launch()
    first.panel()
    first.run("window.hide()")
    sidecar = first.record["pid"]
    second = launch()
    assert second.leaves() == 0
    assert eventually(lambda: first.run("return window.isVisible()"))
    assert first.record["pid"] == sidecar
    assert first.run("return electron.BrowserWindow.getAllWindows().length") == 1


def test_a_second_program_on_the_same_data_is_told_so(launch: Launch, tmp_path: Path) -> None:
    """A sidecar of the command line holds the directory; Electron's own lock knows nothing of it."""
    with RunningSidecar(tmp_path / "data") as other:
        assert other.ready
        page = launch().lost("data_dir_locked")
        assert str(other.process.pid) in page.text("#text")


def test_the_window_comes_back_where_it_was(launch: Launch) -> None:
    first = launch()
    first.panel()
    first.run("window.setBounds({x: 60, y: 50, width: 700, height: 600})")
    saved = first.data / "electron" / "desktop.json"
    eventually(lambda: saved.exists() and json.loads(saved.read_text())["window"]["width"] == 700)
    first.menu("quit")
    first.leaves()
    second = launch()
    second.panel()
    assert second.run("return window.getNormalBounds()") == {"x": 60, "y": 50, "width": 700, "height": 600}


def test_a_window_state_that_cannot_be_used_is_not_used(launch: Launch, tmp_path: Path) -> None:
    profile = tmp_path / "data" / "electron"
    profile.mkdir(parents=True, mode=0o700)
    (profile / "desktop.json").write_text('{"window": {"x": 90000, "y": -5000, "width": 9, "height": 1e9}}')
    desktop = launch()
    desktop.panel()
    found = desktop.run("return window.getBounds()")
    assert 0 <= found["x"] < 1280 and 0 <= found["y"] < 900
    assert 480 <= found["width"] <= 1280 and 360 <= found["height"] <= 900


@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/home/a"},
        {"HOME": "/home/a", "XDG_DATA_HOME": "/srv/x y"},
        {"HOME": "/home/a", "STEELYARD_DATA_DIR": "/srv/größe/../b"},
        {"HOME": "/home/a", "STEELYARD_DATA_DIR": "  ", "XDG_DATA_HOME": ""},
        {"HOME": "/home/a", "STEELYARD_DATA_DIR": "~/runs"},
    ],
)
def test_program_and_command_line_find_the_same_data(
    environ: dict[str, str], node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert directory_of_main(environ, node, monkeypatch) == str(data_directory(os.environ))


@pytest.mark.parametrize(
    ("stated", "counts"),
    [
        ("/srv/größe/a b\n", True),
        ("relative\n", False),
        ("", False),
        ("/srv/a\n/srv/b\n", False),
        ("/srv/a\0b", False),
    ],
)
def test_program_and_command_line_follow_the_same_choice(
    stated: str, counts: bool, node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "share" / "Steelyard"
    place.mkdir(parents=True)
    (place / POINTER).write_text(stated, encoding="utf-8")
    environ = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(place.parent)}
    found = directory_of_main(environ, node, monkeypatch)
    assert found == str(data_directory(os.environ)) == (stated.strip() if counts else str(place))


def directory_of_main(environ: dict[str, str], node: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What Electron's main takes for the data directory, with that environment, which holds from now on."""
    for name in ("XDG_DATA_HOME", "STEELYARD_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code = "process.stdout.write(require('./electron/main/places.js').dataDirectory(process.env))"
    return subprocess.run([node, "-e", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_sidecar_is_started_as_it_should_be(launch: Launch, tmp_path: Path) -> None:
    """SECURITY 36: an absolute path, no shell, and nothing of our environment that is not on the list."""
    desktop = launch(
        PYTHONPATH="/tmp/evil",
        LD_LIBRARY_PATH="/tmp/evil",
        NODE_ENV="x",
        DYLD_INSERT_LIBRARIES="/tmp/evil",
        AWS_SECRET_ACCESS_KEY="s",
        LC_TIME="C.UTF-8",
        STEELYARD_NOTE="1",
    )
    desktop.panel()
    sidecar = psutil.Process(desktop.record["pid"])
    assert sidecar.parent() == psutil.Process(desktop.process.pid), "nothing stands between"
    command = sidecar.cmdline()
    assert os.path.isabs(command[0]) and command[1:] == ["-m", "steelyard", "serve", "--hello"]
    environ = sidecar.environ()
    hidden = ("PYTHON", "LD_", "DYLD_", "NODE_", "ELECTRON", "AWS_", "STEELYARD_DESKTOP", "STEELYARD_SIDECAR")
    assert [name for name in environ if name.startswith(hidden)] == []
    assert environ["STEELYARD_NOTE"] == "1" and environ["LC_TIME"] == "C.UTF-8"
    assert desktop.record["token"] not in json.dumps(environ) + json.dumps(command)
    assert os.getpgid(sidecar.pid) == sidecar.pid, "a group of its own, to be ended as a whole"


def test_no_file_but_the_record_holds_the_token(launch: Launch) -> None:
    """SECURITY 11 and 12, with Electron's profile in the data directory."""
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    token = desktop.record["token"].encode()
    desktop.menu("preferences")
    desktop.shows(lambda page: page.url.endswith("/preferences/"))
    files = [path for path in desktop.data.rglob("*") if path.is_file()]
    holding = [path.name for path in files if token in _bytes(path)]
    assert holding == ["sidecar.json"]
    assert _cookies(desktop) == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _cookies(desktop: Desktop) -> object:
    return desktop.run("return await window.webContents.session.cookies.get({})")


def test_npm_run_desktop(electron: Path, display: str, node: Path, tmp_path: Path) -> None:
    """What a newcomer types, with the runtime that the environment names."""
    environ = {**environment(), "DISPLAY": display, "STEELYARD_DATA_DIR": str(tmp_path / "data")}
    environ["ELECTRON_OVERRIDE_DIST_PATH"] = str(electron.parent)
    with (tmp_path / "output").open("wb") as output:
        command = [str(node), str(ROOT / "scripts" / "desktop.js")]
        program = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    log = tmp_path / "data" / "logs" / "electron.log"
    try:
        eventually(lambda: log.exists() and "sidecar 1: ready" in log.read_text(), within=30)
    finally:
        program.terminate()
        program.wait(30)
    eventually(lambda: "the end" in log.read_text())
