"""When the sidecar dies, hangs, or is not what it should be: the window stays, says so, mends what it can."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.desktop.conftest import Launch, keep_picture
from tests.desktop.fakes import READY, fake_sidecar
from tests.desktop.program import ROOT, Desktop, lives
from tests.helpers.waiting import eventually

AT_ONCE = {"backOff": [0, 0, 0, 0, 0]}


def restarted(desktop: Desktop, than: int) -> dict[str, Any]:
    """The record of a sidecar that is another one than that PID."""
    return eventually(lambda: record if (record := desktop.record)["pid"] != than else None, within=30)


def test_it_gives_up_after_five_and_a_person_may_go_on(launch: Launch, tmp_path: Path) -> None:
    broken = fake_sidecar(tmp_path, "sys.exit('the library is broken')")
    desktop = launch(STEELYARD_SIDECAR=broken, timings=AT_ONCE)
    page = desktop.lost("exit")
    page.says("started again 5 times", "#restart-line")
    assert "exit status 1" in page.text("#text") and "the library is broken" in page.text("#text")
    assert desktop.log.count("workers 0") == 6
    page.click("#restart")
    eventually(lambda: desktop.log.count("workers 0") == 12, within=30)


def test_the_pause_grows_and_is_shown(launch: Launch, tmp_path: Path) -> None:
    broken = fake_sidecar(tmp_path, "sys.exit(3)")
    desktop = launch(STEELYARD_SIDECAR=broken, timings={"backOff": [0, 60_000]})
    desktop.logged("Restart in 60000 ms")
    desktop.shows(lambda page: "started again in" in page.text("#restart-line"))
    assert desktop.log.index("Restart in 0 ms") < desktop.log.index("Restart in 60000 ms")


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("disk_full", "The disk is full"),
        ("database_corrupt", "The database is damaged"),
        ("bad_configuration", "A setting of the environment is wrong"),
    ],
)
def test_what_a_restart_cannot_mend_is_not_restarted(
    launch: Launch, tmp_path: Path, code: str, title: str
) -> None:
    fatal = fake_sidecar(
        tmp_path,
        f"say(event='fatal', code='{code}', message='So it is.', remedy='Do this.'); sys.exit(2)",
    )
    desktop = launch(STEELYARD_SIDECAR=fatal, timings=AT_ONCE)
    page = desktop.lost(code)
    said = page.text()
    assert title in said and "So it is." in said and "Do this." in said
    assert desktop.log.count("Not restarted") == 1 and "Restart in" not in desktop.log


def test_a_real_fatal_error_reaches_the_window(launch: Launch) -> None:
    desktop = launch(WORKER_MAX_COUNT="many")
    page = desktop.lost("bad_configuration")
    assert "WORKER_MAX_COUNT" in page.text("#text")
    keep_picture(page, "not-started")


def test_one_that_hangs_at_its_start_is_ended(launch: Launch, tmp_path: Path) -> None:
    body = "say(event='phase', name='opening', detail=''); time.sleep(600)"
    desktop = launch(
        STEELYARD_SIDECAR=fake_sidecar(tmp_path, body), timings={"phaseLimit": 1500, "backOff": []}
    )
    page = desktop.lost("silent_start")
    assert "no progress" in page.text("#text")
    eventually(lambda: len(psutil.Process(desktop.process.pid).children()) < 10)
    assert not [p for p in desktop.family().values() if lives(p) and "fake-sidecar" in " ".join(p.cmdline())]


def test_one_that_proves_itself_but_answers_nothing_is_lost(launch: Launch, tmp_path: Path) -> None:
    path = fake_sidecar(tmp_path, READY.replace("CHANGES", "{}"))
    desktop = launch(STEELYARD_SIDECAR=path, timings={"answerLimit": 700, "backOff": []})
    assert "does not answer" in desktop.lost("unanswered").text("#title")


def test_one_that_does_not_respond_is_left_to_the_person(launch: Launch) -> None:
    desktop = launch(timings={"pingEvery": 200})
    desktop.panel().says("RUNNING", "#worker-status")
    first = desktop.record
    os.kill(first["pid"], signal.SIGSTOP)
    page = desktop.lost("silent")
    page.says("not responding", "#title")
    keep_picture(page, "not-responding")
    os.kill(first["pid"], signal.SIGCONT)
    desktop.panel()
    assert desktop.record == first and "responds again" in desktop.log
    os.kill(first["pid"], signal.SIGSTOP)
    desktop.lost("silent").click("#restart")
    restarted(desktop, first["pid"])
    desktop.panel().says("RUNNING", "#worker-status")


def test_the_page_that_was_open_is_opened_again(launch: Launch) -> None:
    desktop = launch()
    desktop.panel()
    desktop.menu("preferences")
    desktop.shows(lambda page: page.url.endswith("/preferences/"))
    first = desktop.record["pid"]
    os.kill(first, signal.SIGKILL)
    record = restarted(desktop, first)
    desktop.shows(lambda page: page.url == f"{record['url']}preferences/")


def test_diagnostics_hold_what_helps_and_no_secret(launch: Launch) -> None:
    desktop = launch(timings={"backOff": []})
    desktop.panel()
    token = desktop.record["token"]
    os.kill(desktop.record["pid"], signal.SIGKILL)
    page = desktop.lost("signal")
    keep_picture(page, "lost")
    page.click("#copy-diagnostics")
    page.says("Copied", "#copied")
    text = desktop.run("return electron.clipboard.readText()")
    for part in ("Steelyard 0.1.0", "Electron 25", "Last cause: signal", "sidecar lost", "--- sidecar.log"):
        assert part in text
    assert token not in text
    page.click("#restart")
    desktop.panel()


def test_diagnostics_are_exported_without_a_secret(launch: Launch, tmp_path: Path) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    saved = tmp_path / "diagnostics.zip"
    desktop.run(
        f"""
        window.webContents.session.once('will-download', (_event, item) => {{
            item.setSavePath({json.dumps(str(saved))});
            item.once('done', (_event, state) => {{ globalThis.exported = state; }});
        }});
        """
    )
    desktop.menu("export-diagnostics")
    eventually(lambda: desktop.run("return globalThis.exported") == "completed", within=30)
    with zipfile.ZipFile(saved) as archive:
        assert any("system" in name for name in archive.namelist())
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert desktop.record["token"].encode() not in content


def test_logs_are_opened_by_their_folder(launch: Launch) -> None:
    desktop = launch(WORKER_MAX_COUNT="many")
    page = desktop.lost("bad_configuration")
    desktop.run("globalThis.opened = []; electron.shell.openPath = async (path) => { opened.push(path); }")
    page.click("#open-logs")
    eventually(lambda: desktop.run("return opened") == [str(desktop.data / "logs")])


def test_a_data_directory_that_cannot_be_made(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    desktop = launch(tmp_path / "file" / "data")
    page = desktop.lost("data_dir_unwritable")
    assert "file" in page.text("#text")
    assert sys.platform != "linux" or not (tmp_path / "file").is_dir()


def test_a_profile_that_has_no_place_leaves_nothing_behind(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    # Not in the test's own folder: Chromium has a socket there, whose path must not be long.
    with tempfile.TemporaryDirectory() as folder:
        desktop = launch(tmp_path / "file" / "data", TMPDIR=folder)
        desktop.lost("data_dir_unwritable")
        assert list(Path(folder).glob("steelyard-*/*"))
        desktop.run("window.close()")
        assert desktop.leaves(10) == 0
        assert list(Path(folder).glob("steelyard-*")) == []


LATE = """
const {{ Keeper }} = require("./electron/main/sidecar/keeper.js");
const {{ Run }} = require("./electron/main/sidecar/run.js");
const {{ Log }} = require("./electron/main/log.js");
const runs = [];
Run.prototype.start = function () {{ runs.push(this); }};
const log = new Log({folder});
const timings = {{ backOff: [0, 0], restartWindow: 1000, pingEvery: 50, misses: 3, answerLimit: 100 }};
const command = {{ program: process.execPath, arguments: [] }};
const keeper = new Keeper({{ command, data: {folder}, version: "1", timings, log }});
const states = [];
keeper.on("state", (state) => states.push(`${{state.generation}} ${{state.name}} ${{state.phase}}`));
keeper.start();
runs[0].emit("ended", {{ kind: "signal", signal: "SIGKILL", wasReady: false, stderr: "" }});
setTimeout(() => {{
  const before = states.length;
  runs[0].emit("phase", {{ name: "ghost", detail: "" }});
  runs[0].emit("ready", {{ port: 1, url: "http://127.0.0.1:1/", token: "x" }});
  runs[0].emit("ended", {{ kind: "exit", code: 0, wasReady: false, stderr: "" }});
  const same = runs[0].hello.token === runs[1].hello.token;
  const heard = states.length - before;
  console.log(JSON.stringify({{ runs: runs.length, heard, state: keeper.state, same }}));
  process.exit(0);
}}, 100);
"""


def test_what_an_earlier_generation_says_is_not_heard(node: Path, tmp_path: Path) -> None:
    code = LATE.format(folder=json.dumps(str(tmp_path)))
    done = subprocess.run([node, "-e", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["runs"], found["heard"], found["same"]) == (2, 0, False)
    assert (found["state"]["name"], found["state"]["generation"]) == ("starting", 2)
    assert "a late event was left alone" in (tmp_path / "electron.log").read_text()


def test_the_log_is_rotated_and_hides_what_it_is_told_to(node: Path, tmp_path: Path) -> None:
    code = f"""
    const {{ Log }} = require("./electron/main/log.js");
    const log = new Log({json.dumps(str(tmp_path / "logs"))});
    log.hide("secret");
    for (let line = 0; line < 5000; line += 1) log.say(`line ${{line}} secret ${{"x".repeat(1000)}}`);
    """
    subprocess.run([node, "-e", code], cwd=ROOT, check=True)
    files = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in files] == ["electron.log", "electron.log.1", "electron.log.2"]
    assert all(path.stat().st_size <= 2_000_000 for path in files)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all("secret" not in path.read_text() for path in files)
