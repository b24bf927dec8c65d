"""The packaged program: its fuses, and SECURITY 29 to 37 as far as they can be tried from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

import package
from tests.desktop.conftest import BARE_PATH, Launch
from tests.desktop.hostile import Elsewhere, hostile_sidecar, seen
from tests.desktop.inspector import Refused
from tests.desktop.program import Desktop
from tests.helpers import api
from tests.helpers.reach import client_of
from tests.helpers.waiting import eventually

OPENERS = ("xdg-open", "xdg-email")
"""What Electron calls on Linux to open an address outside."""


def packed(archive: Path) -> dict[str, bytes]:
    """The files of an asar: four lengths, what lies where as JSON, then the files one after the other."""
    data = archive.read_bytes()
    _, header, _, length = struct.unpack_from("<4I", data)
    found: dict[str, bytes] = {}

    def walk(folder: dict[str, Any], path: str) -> None:
        for name, entry in folder["files"].items():
            if "files" in entry:
                walk(entry, f"{path}{name}/")
            elif "offset" in entry:
                start = 8 + header + int(entry["offset"])
                found[path + name] = data[start : start + entry["size"]]

    walk(json.loads(data[16 : 16 + length]), "")
    return found


@pytest.fixture
def hostile(launch_package: Launch, tmp_path: Path, evil: Elsewhere) -> Desktop:
    """The program with a hostile page of our very origin in its window, without a content policy.

    What it opens outside is written to the file `opened`.
    """
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in OPENERS:
        (commands / name).write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path}/opened"\n')
        (commands / name).chmod(0o755)
    sidecar = Path(hostile_sidecar(tmp_path, evil.origin))
    desktop = launch_package(sidecar=sidecar, PATH=str(commands))
    desktop.panel()
    return desktop


def pause(desktop: Desktop) -> None:
    """What a page has set off gets time to happen."""
    desktop.page.evaluate("new Promise((done) => setTimeout(done, 400))")


def test_29_a_page_gets_nothing_of_node_and_no_bridge(hostile: Desktop) -> None:
    kinds = "[typeof require, typeof process, typeof module, typeof steelyard, typeof Buffer]"
    assert hostile.page.evaluate(kinds) == ["undefined"] * 5


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
    assert hostile.targets() == ["page"]


def test_31_only_what_a_browser_opens_is_opened(hostile: Desktop, tmp_path: Path) -> None:
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
    opened = tmp_path / "opened"
    allowed = ["https://example.test/a", "https://example.test/b", "mailto:a@example.test"]
    eventually(lambda: opened.exists() and len(opened.read_text().splitlines()) >= len(allowed))
    pause(hostile)
    assert sorted(opened.read_text().splitlines()) == allowed
    assert hostile.targets() == ["page"]


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


def test_what_is_packed_is_what_was_tried_from_source(packaged: Path) -> None:
    """So 33 and 35, for which a test must look into main, hold for the package as well."""
    ours = {
        path.relative_to(package.ROOT).as_posix(): path.read_bytes()
        for folder in ("main", "preload", "pages")
        for path in (package.ROOT / "electron" / folder).rglob("*")
        if path.is_file()
    }
    found = packed(packaged.parent / "resources" / "app.asar")
    assert {name: data for name, data in found.items() if name.startswith("electron/")} == ours
    others = {name.split("/")[0] for name in found if name.endswith((".js", ".cjs", ".mjs"))} - {"electron"}
    assert others == {"node_modules"}


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


def test_36_the_sidecar_is_one_program_with_the_variables_that_it_may_have(launch_package: Launch) -> None:
    forbidden = {
        "PYTHONPATH": "/nowhere",
        "PYTHONSTARTUP": "/nowhere",
        "LD_LIBRARY_PATH": "/nowhere",
        "DYLD_INSERT_LIBRARIES": "/nowhere",
        "SOME_SECRET": "sesame",
    }
    desktop = launch_package(WORKER_MAX_COUNT="3", **forbidden)
    desktop.panel()
    sidecar = psutil.Process(desktop.record["pid"])
    environ = sidecar.environ()
    assert environ["WORKER_MAX_COUNT"] == "3"
    hidden = ("PYTHON", "LD_", "DYLD_", "NODE_", "ELECTRON_")
    libraries = {name: value for name, value in environ.items() if name.startswith(hidden)}
    # PyInstaller's loader sets its own, and keeps what it found as ..._ORIG: it found none.
    assert libraries in ({}, {"LD_LIBRARY_PATH": str(package.LINUX / "resources" / "sidecar" / "_internal")})
    assert "SOME_SECRET" not in environ
    # Tasks have the user's variables, whatever they are called: the list is the sidecar's alone.
    with client_of(desktop.record) as client:
        body = {"simulation": "command", "parameters": {"argv": ["/usr/bin/env"]}, "memory": "64MiB"}
        task_id = client.post("/api/tasks/", json=body).json()["task_id"]
        told = api.log(client, api.ends(client, task_id)["task_id"]).splitlines()
    assert {"SOME_SECRET=sesame", "LD_LIBRARY_PATH=/nowhere", "PYTHONSTARTUP=/nowhere"} <= set(told)
    assert not [line for line in told if line.startswith(("ELECTRON_", "_PYI", "_MEIPASS2"))]
    assert {"127.0.0.1", "localhost"} <= set(environ["NO_PROXY"].split(","))
    command = sidecar.cmdline()
    assert os.path.isabs(command[0]) and command[1:] == ["serve", "--hello"]
    assert sidecar.ppid() == desktop.process.pid


def test_37_a_page_reads_nothing_of_our_protocol_and_cannot_end_the_program(hostile: Desktop) -> None:
    for path in ("lost.html", "../../main/main.js", "splash.html"):
        assert (
            hostile.page.evaluate(f"fetch('app://steelyard/{path}').then(() => 'read', () => 'refused')")
            == "refused"
        )
    hostile.page.evaluate("window.close()")
    hostile.logged("a page has closed the window")
    hostile.panel()
    assert hostile.process.poll() is None and "quit" not in hostile.log


def test_the_token_goes_to_our_origin_and_nowhere_else(
    hostile: Desktop, evil: Elsewhere, tmp_path: Path
) -> None:
    """No page, URL, cookie or script ever holds it; a frame of another origin cannot borrow it."""
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
    assert page.call("Network.getAllCookies")["cookies"] == []
    assert evil.asked == []
    with pytest.raises(Refused):
        page.evaluate("steelyard.state()")
