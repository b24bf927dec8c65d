"""SECURITY 29 to 37 where one has to look into main; the others are tried on the packaged program."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.desktop.conftest import Launch
from tests.desktop.hostile import Elsewhere, hostile_sidecar
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
