"""What a desktop gives: progress, notifications, tray, menus, power."""

from __future__ import annotations

import json
import sys

from tests.desktop.conftest import Launch
from tests.desktop.program import ROOT
from tests.helpers.waiting import eventually

PROGRESS = "import time; print('::steelyard progress 0.5 half', flush=True); time.sleep(300)"
RECORD = """
    globalThis.bars = []; const set = window.setProgressBar.bind(window);
    window.setProgressBar = (value) => { bars.push(value); set(value); };
"""


def test_progress_on_the_dock_and_awake_while_tasks_run(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.run(RECORD)
    task = desktop.submit(PROGRESS)
    eventually(lambda: 0.5 in desktop.run("return bars"), within=30)
    log = desktop.logged("keep awake: on")
    assert "keep awake: off" not in log
    with desktop.client() as client:
        client.post(f"/api/tasks/{task}/cancel/")
    desktop.logged("keep awake: off")
    assert eventually(lambda: desktop.run("return bars.at(-1)") == -1)


def test_the_machine_may_sleep_if_the_user_says_so(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.prefer(keep_awake="never")
    desktop.submit(PROGRESS)
    desktop.run(RECORD)
    eventually(lambda: 0.5 in desktop.run("return bars"), within=30)
    assert "keep awake: on" not in desktop.log
    desktop.prefer(keep_awake=None)
    desktop.logged("keep awake: on")


def test_an_end_is_notified_and_a_click_leads_there(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.run(
        """
        globalThis.notes = [];
        electron.Notification.isSupported = () => true;
        electron.Notification.prototype.show = function () { notes.push(this); };
        window.isFocused = () => false;
        """
    )
    good = desktop.submit("pass", label="reference")
    desktop.logged("notification: reference is done.")
    desktop.submit("raise SystemExit(4)", label="net-zero", attempts=1)
    desktop.logged("notification: net-zero failed. Cause: error.")
    assert desktop.run("return notes.map((note) => note.title)") == ["reference is done", "net-zero failed"]
    desktop.run("notes[0].emit('click')")
    desktop.shows(lambda page: page.url.endswith(f"/tasks/{good}/"))


def test_a_sweep_is_notified_once(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.run("window.isFocused = () => false")
    argv = [[sys.executable, "-c", f"raise SystemExit({code})"] for code in (0, 0, 0, 5)]
    with desktop.client() as client:
        body = {"simulation": "command", "rows": [{"argv": one} for one in argv], "attempts": 1}
        answer = client.post("/api/sweeps/", json=body)
        assert answer.status_code == 201, answer.text
    log = desktop.logged("notification: A sweep has ended with failures. 3 succeeded, 1 failed.")
    assert log.count("notification:") == 1


def test_notifications_can_be_turned_off(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    desktop.run("window.isFocused = () => false")
    desktop.prefer(notifications=False)
    task = desktop.submit("pass")
    eventually(lambda: desktop.task(task)["state"] == "SUCCEEDED", within=30)
    desktop.panel().evaluate("new Promise((done) => setTimeout(done, 1500))")
    assert "notification:" not in desktop.log


def test_power_is_told_to_the_sidecar(launch: Launch) -> None:
    desktop = launch()
    desktop.panel()
    for name in ("suspend", "resume", "on-battery", "on-ac"):
        desktop.run(f"electron.powerMonitor.emit('{name}')")
    sidecar = desktop.data / "logs" / "sidecar.log"
    for name in ("suspend", "resume", "on-battery", "on-ac"):
        eventually(lambda name=name: f"power: {name}" in sidecar.read_text())


def test_menu_and_shortcuts(launch: Launch) -> None:
    desktop = launch()
    desktop.panel()
    shortcuts = desktop.run(
        """
        const found = {};
        const walk = (menu) => menu.items.forEach((item) => {
            if (item.accelerator) found[item.label.replaceAll('&', '')] = item.accelerator;
            if (item.submenu) walk(item.submenu);
        });
        walk(electron.Menu.getApplicationMenu());
        return found;
        """
    )
    assert shortcuts["Preferences…"] == "CommandOrControl+,"
    assert shortcuts["Quit Steelyard"] == "CommandOrControl+Q"
    for name, path in (("submit", "/submit/"), ("preferences", "/preferences/")):
        desktop.menu(name)
        desktop.shows(lambda page, path=path: page.url.endswith(path))


def test_the_pure_parts(launch: Launch) -> None:
    """Tally, tray line, restarts and causes, in the program's own Node.js."""
    desktop = launch()
    desktop.panel()
    found = desktop.run(
        f"""
        const main = {json.dumps(str(ROOT / "electron" / "main"))};
        const {{ Tally }} = require(main + '/tally.js');
        const {{ lineFor }} = require(main + '/desktop/tray.js');
        const {{ Restarts }} = require(main + '/sidecar/restarts.js');
        const {{ causeOf }} = require(main + '/sidecar/causes.js');
        const {{ Lines }} = require(main + '/sidecar/lines.js');
        const tally = new Tally();
        const task = (task_id, state, more) => tally.hear({{ type: 'task', task: {{
            task_id, state, simulation: 's', label: '', progress: null, ...more }} }});
        tally.hear({{ type: 'queue', queue: {{ pending: 3, running: 2 }} }});
        task('a', 'RUNNING'); task('b', 'RUNNING');
        tally.hear({{ type: 'progress', task_id: 'a', progress: 0.25 }});
        tally.hear({{ type: 'progress', task_id: 'b', progress: 0.75 }});
        const line = lineFor({{ name: 'ready' }}, tally, false);
        const mean = tally.progress;
        const ends = [['a', 'SUCCEEDED', {{ sweep_id: 'x' }}], ['a', 'SUCCEEDED'], ['b', 'READY']]
            .map((one) => task(...one));
        const restarts = new Restarts([0, 1, 2], 100);
        const pauses = [0, 10, 20, 30, 99, 100, 115].map((now) => restarts.next(now));
        const facts = {{ programIsThere: true, outOfMemory: true, freeBytes: null }};
        const killed = {{ kind: 'signal', signal: 'SIGKILL', wasReady: true, stderr: '' }};
        const left = {{ kind: 'exit', code: 1, wasReady: true, stderr: '' }};
        const heard = [];
        const lines = new Lines((message) => heard.push(message.event), (junk) => heard.push('junk'));
        for (const byte of Buffer.from('{{"event":"é"}}\\n\\nnot json\\n{{"event":"b"}}\\r\\n5\\n')) {{
            lines.feed(Buffer.from([byte]));
        }}
        return {{ line, mean, ends, pauses, heard, causes: [
            causeOf(killed, facts).name,
            causeOf(killed, {{ ...facts, outOfMemory: false }}).name,
            causeOf(left, {{ ...facts, programIsThere: false }}).name,
            causeOf(left, {{ ...facts, freeBytes: 100 }}).name,
            causeOf(left, facts).name,
        ] }};
        """
    )
    assert found["line"] == "2 running, 3 waiting" and found["mean"] == 0.5
    assert found["ends"] == [
        {"task": "a", "sweep": "x", "name": "s", "state": "SUCCEEDED", "cause": ""},
        None,
        None,
    ]
    assert found["pauses"] == [0, 1, 2, None, None, 2, 2]
    assert found["causes"] == ["out_of_memory", "signal", "program_missing", "disk_full", "exit"]
    assert found["heard"] == ["é", "junk", "b", "junk"]
