"""The ways out: what becomes of running tasks, and that nothing of ours runs afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.desktop.conftest import Launch
from tests.desktop.fakes import fake_sidecar
from tests.desktop.program import ROOT, Desktop
from tests.helpers.waiting import eventually

STOP, CANCEL, BACKGROUND = 1, 2, 0


def with_a_task(desktop: Desktop, code: str = "import time; time.sleep(300)") -> str:
    """A running task, of which the program has heard."""
    desktop.panel().says("RUNNING", "#worker-status")
    task = desktop.submit(code)
    desktop.runs(task)
    desktop.logged("keep awake: on")
    return task


def test_quit_with_idle_workers_is_quick_and_leaves_nothing(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    assert len(desktop.family()) > 4
    desktop.menu("quit")
    began = time.monotonic()
    assert desktop.leaves() == 0
    took = time.monotonic() - began
    eventually(lambda: desktop.left() == [], within=3)
    assert took < 5, f"{took:.2f} s"
    print(f"quit with an idle worker: {took:.2f} s")


def test_closing_the_window_quits(launch: Launch) -> None:
    desktop = launch()
    desktop.panel()
    desktop.family()
    desktop.run("window.close()")
    assert desktop.leaves() == 0


def test_stop_now_and_resume_later(launch: Launch) -> None:
    first = launch()
    task = with_a_task(first)
    first.answer_dialogs(STOP)
    first.family()
    first.menu("quit")
    assert first.leaves() == 0
    second = launch()
    second.panel().says("RUNNING", "#worker-status")
    found = second.runs(task)
    assert [attempt["cause"] for attempt in found["attempts"]] == ["sidecar_lost", None]


def test_cancel_changes_nothing(launch: Launch) -> None:
    desktop = launch()
    task = with_a_task(desktop)
    desktop.answer_dialogs(CANCEL)
    desktop.run("window.close()")
    assert eventually(lambda: desktop.run("return globalThis.asked")) == [
        "1 task is running. Quit Steelyard?"
    ]
    assert re.search(
        r"loses this work:\ncommand: \d+ s since its start; it has no checkpoint$", details(desktop)
    )
    desktop.logged("quit with 1 running: cancel")
    assert desktop.run("return window.isVisible()")
    assert desktop.task(task)["state"] == "RUNNING"


def details(desktop: Desktop) -> str:
    """What the last question said below its first line."""
    return str(desktop.run("return globalThis.details.at(-1)"))


def test_what_an_end_would_lose_in_words(node: Path) -> None:
    def task(
        label: str, unsaved: float, checkpoint: str | None = "2026-11-27T02:00:00Z"
    ) -> dict[str, object]:
        return {"task": {"simulation": "s", "label": label, "checkpoint_at": checkpoint, "unsaved": unsaved}}

    workers = [task("a", 3.2), {"task": None}, task("", 11_100, None), task("b", 125)]
    workers += [task(name, 1.0) for name in "cdefg"]
    code = f"""
    const {{ losses }} = require("./electron/main/losses.js");
    console.log(JSON.stringify(losses({json.dumps({"workers": workers})})));
    """
    done = subprocess.run([node, "-e", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        "s: 3 h 5 min since its start; it has no checkpoint",
        "b: 2 min 5 s since its last checkpoint",
        "a: 3 s since its last checkpoint",
        "c: 1 s since its last checkpoint",
        "d: 1 s since its last checkpoint",
        "3 more: 3 s in all",
    ]


def test_finish_in_the_background(launch: Launch, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.05)"
    first = launch()
    task = with_a_task(first, code)
    waiting = first.submit("pass")
    first.answer_dialogs(BACKGROUND)
    first.menu("quit")
    eventually(lambda: first.run("return window.isVisible()") is False)
    assert first.task(task)["state"] == "RUNNING"
    flag.touch()
    assert first.leaves() == 0
    second = launch(WORKER_MAX_COUNT="0")
    second.panel()
    assert second.task(task)["state"] == "SUCCEEDED"
    assert second.task(waiting)["state"] == "READY"


def test_in_the_background_one_may_still_stop(launch: Launch) -> None:
    desktop = launch()
    with_a_task(desktop)
    desktop.answer_dialogs(BACKGROUND)
    desktop.menu("quit")
    eventually(lambda: desktop.run("return window.isVisible()") is False)
    desktop.answer_dialogs(STOP)
    desktop.menu("quit")
    assert desktop.leaves() == 0


@pytest.mark.parametrize("way", ["SIGTERM", "before-quit", "session-end"])
def test_the_short_way_asks_nothing(launch: Launch, way: str) -> None:
    desktop = launch()
    with_a_task(desktop)
    desktop.answer_dialogs(CANCEL)
    desktop.family()
    if way == "SIGTERM":
        desktop.process.send_signal(signal.SIGTERM)
    elif way == "before-quit":
        desktop.run("electron.app.quit()")
    else:
        desktop.run("window.emit('session-end')")
    began = time.monotonic()
    assert desktop.leaves() == 0
    assert time.monotonic() - began < 10
    eventually(lambda: desktop.left() == [], within=3)


def test_a_sidecar_that_does_not_leave_is_ended(launch: Launch) -> None:
    desktop = launch(timings={"stopDeadline": 500, "grace": 300})
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.family()
    os.kill(desktop.record["pid"], signal.SIGSTOP)
    desktop.menu("quit")
    assert desktop.leaves(10) == 0
    eventually(lambda: desktop.left() == [], within=3)
    assert "did not leave in time" in desktop.log


def test_quit_while_it_starts(launch: Launch, tmp_path: Path) -> None:
    path = fake_sidecar(tmp_path, "say(event='phase', name='opening', detail=''); sys.stdin.read()")
    desktop = launch(STEELYARD_SIDECAR=path)
    desktop.logged("opening")
    desktop.family()
    desktop.menu("quit")
    assert desktop.leaves(10) == 0


def test_quit_from_the_lost_page(launch: Launch) -> None:
    desktop = launch(WORKER_MAX_COUNT="many")
    desktop.lost("bad_configuration")
    desktop.run("window.close()")
    assert desktop.leaves(10) == 0
