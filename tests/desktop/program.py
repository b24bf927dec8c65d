"""The desktop program under test: a real Electron on a virtual screen, its log, its processes, its end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.desktop.inspector import PATIENCE, Gone, Inspector, Page, Refused
from tests.helpers.reach import client_of
from tests.helpers.sidecar import environment
from tests.helpers.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
KEPT_OUT = ("ELECTRON_", "NODE_", "XDG_", "DBUS_")
"""Variables of whoever runs the tests that must not reach the program."""


class Desktop:
    """`electron .` with its data in a folder of the test's; a context manager that leaves no process."""

    def __init__(
        self,
        command: list[str],
        data: Path,
        display: str,
        output: Path,
        *,
        timings: Mapping[str, object] | None = None,
        **env: str,
    ) -> None:
        self.data = data
        self.began = time.monotonic()
        given = {k: v for k, v in environment(**env).items() if not k.startswith(KEPT_OUT)}
        # TERM: as from a terminal, so that no login shell of whoever runs the tests is asked.
        given |= {"TERM": "xterm", "DISPLAY": display, "STEELYARD_DATA_DIR": str(data)} | env
        if timings is not None:
            given["STEELYARD_DESKTOP_TIMINGS"] = json.dumps(timings)
        self.stragglers: list[str] = []
        """Who was still there some seconds after the end; empty, or the test has failed."""
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, "--inspect=0", "--remote-debugging-port=0"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=given,
                start_new_session=True,
            )
        self._main: Inspector | None = None
        self._page: Page | None = None
        self._seen: dict[int, psutil.Process] = {}

    # looking

    @property
    def output(self) -> str:
        """What it printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def log(self) -> str:
        """<data dir>/logs/electron.log."""
        path = self.data / "logs" / "electron.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def logged(self, text: str, within: float = PATIENCE) -> str:
        """Wait until the log holds that text; the log."""
        return eventually(lambda: self.log if text in self.log else None, within=within)

    def _address(self, words: str) -> str:
        def found() -> str | None:
            match = re.search(rf"{words} (ws://\S+)", self.output)
            assert match or self.process.poll() is None, f"it left: {self.output[-2000:]}\n{self.log}"
            return match[1] if match else None

        return eventually(found, within=PATIENCE)

    @property
    def main(self) -> Inspector:
        """Electron's main process."""
        if self._main is None:
            self._main = Inspector(self._address("Debugger listening on"))
        return self._main

    def run(self, code: str) -> Any:
        """The value of a function body in the main process; `electron` and `window` are there."""
        return self.main.evaluate(
            "(async () => { const electron = require('electron');"
            "const window = electron.BrowserWindow.getAllWindows()[0];"
            f"{code} }})()"
        )

    @property
    def page(self) -> Page:
        """The page of the window, whichever is in it now."""
        if self._page is not None:
            with contextlib.suppress(Gone, TimeoutError):
                self._page.evaluate("1")
                return self._page
            self._page.close()
        port = self._address("DevTools listening on").split("/")[2].partition(":")[2]

        def target() -> str | None:
            with contextlib.suppress(httpx.HTTPError):
                found = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
                pages = [one for one in found if one["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"]) if pages else None
            return None

        self._page = Page(eventually(target, within=PATIENCE))
        return self._page

    def targets(self) -> list[str]:
        """What there is to look into, by kind: pages, frames of another process, webviews."""
        port = self._address("DevTools listening on").split("/")[2].partition(":")[2]
        found = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        return [str(one["type"]) for one in found]

    def shows(self, probe: Callable[[Page], Any], within: float = PATIENCE) -> Any:
        """The first true probe(page), whatever pages come and go meanwhile."""

        def look() -> Any:
            # Refused: the page that the probe looks for is not there yet.
            with contextlib.suppress(Gone, Refused, TimeoutError):
                return probe(self.page)
            return None

        return eventually(look, within=within, every=0.03)

    def panel(self, within: float = PATIENCE) -> Page:
        """The page, once it is one of the sidecar's and answers to a person."""
        self.shows(
            lambda page: page.evaluate(
                "location.protocol === 'http:' && document.readyState === 'complete'"
                " && document.querySelector('#connection')?.dataset.state === 'live'"
            ),
            within,
        )
        return self.page

    def lost(self, cause: str = "", within: float = PATIENCE) -> Page:
        """The page from disk that says that the sidecar is lost, for this cause, and for good."""
        self.shows(
            lambda page: page.evaluate(
                f"location.href === 'app://steelyard/lost.html' && document.body.dataset.cause === '{cause}'"
                " && document.querySelector('#restart').hidden === false"
            ),
            within,
        )
        return self.page

    def menu(self, name: str) -> None:
        """Choose the menu's item of that id."""
        item = f"electron.Menu.getApplicationMenu()?.getMenuItemById({json.dumps(name)})"
        eventually(lambda: self.run(f"return Boolean({item})"), within=PATIENCE)
        self.run(f"{item}.click()")

    def answer_dialogs(self, button: int) -> None:
        """From now on native questions are answered by that button; what they said is kept."""
        self.run(
            "globalThis.asked = []; globalThis.details = [];"
            "electron.dialog.showMessageBox = async (...given) => {"
            "globalThis.asked.push(given.at(-1).message); globalThis.details.push(given.at(-1).detail);"
            f"return {{ response: {button} }}; }};"
        )

    # the sidecar behind it

    @property
    def record(self) -> dict[str, Any]:
        """runtime/sidecar.json, once it is there."""
        path = self.data / "runtime" / "sidecar.json"

        def read() -> dict[str, Any] | None:
            with contextlib.suppress(OSError, ValueError):
                return dict(json.loads(path.read_bytes()))
            return None

        return eventually(read, within=PATIENCE)

    def client(self) -> httpx.Client:
        """HTTP with the sidecar's token."""
        return client_of(self.record)

    def prefer(self, **preferences: object) -> None:
        """Change preferences, as another program than the window would."""
        with self.client() as client:
            answer = client.patch("/api/preferences/", json=preferences)
            assert answer.status_code == 200, answer.text

    # ends

    def family(self) -> dict[int, psutil.Process]:
        """It and everything below it, now and at every earlier look."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            for process in (root, *root.children(recursive=True)):
                self._seen[process.pid] = process
        return self._seen

    def left(self) -> list[str]:
        """Who of them lives."""
        return [describe(process) for process in self._seen.values() if lives(process)]

    def leaves(self, within: float = PATIENCE) -> int:
        """Wait until it has ended by itself; its exit status."""
        self.let_go()
        return self.process.wait(within)

    def let_go(self) -> None:
        """Close what looks into it: Node.js waits at its end for a debugger to leave."""
        for inspector in (self._main, self._page):
            if inspector is not None:
                inspector.close()
        self._main = self._page = None

    def submit(self, code: str = "import time; time.sleep(300)", **fields: Any) -> str:
        """Queue a Python program; the task's id."""
        parameters = {"argv": [sys.executable, "-u", "-c", code]}
        with self.client() as client:
            body = {"simulation": "command", "parameters": parameters, **fields}
            answer = client.post("/api/tasks/", json=body)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """A task as the API shows it."""
        with self.client() as client:
            return dict(client.get(f"/api/tasks/{task_id}/").json())

    def runs(self, task_id: str) -> dict[str, Any]:
        """Wait until a task runs, and the window's program knows it; the task."""
        found = eventually(lambda: t if (t := self.task(task_id))["state"] == "RUNNING" else None, within=30)
        eventually(lambda: self.run("return window.getTitle()") is not None)
        return found

    def kill(self) -> None:
        """kill -9 of the main process."""
        self.family()
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self) -> Desktop:
        return self

    def __exit__(self, *_: object) -> None:
        self.family()
        self.let_go()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.left() == [], within=5)
        self.stragglers = self.left()
        for process in self._seen.values():
            if lives(process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(PATIENCE)


def lives(process: psutil.Process) -> bool:
    """Whether this very process runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe(process: psutil.Process) -> str:
    """For a message: PID and command."""
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline())[:200]}"
    return str(process.pid)


@contextlib.contextmanager
def virtual_screen(xvfb: str) -> Iterator[str]:
    """The display of a screen of our own. Xvfb chooses its number: others may start one at the same time."""
    reading, writing = os.pipe()
    command = [xvfb, "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    screen = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number.isdigit(), "Xvfb did not start"
        yield f":{number}"
    finally:
        screen.terminate()
        screen.wait(PATIENCE)
