"""Fixtures of the browser tests: Debian's Chromium, sidecars, and tabs whose console must stay silent."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.panel import Panel, sign_in_link
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

StartSidecar = Callable[..., RunningSidecar]
OpenPanel = Callable[..., Panel]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Headless, with nothing to say to the outside. Not for the whole session: while Playwright is there its
    event loop counts as running, and coroutines among the tests of other folders could not.
    """
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def start_sidecar(tmp_path: Path) -> Iterator[StartSidecar]:
    """start_sidecar("--workers", "1", WORKER_MAX_COUNT="2"): all are gone at the end."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, **env: Any) -> RunningSidecar:
            sidecar = stack.enter_context(RunningSidecar(tmp_path / "data", *arguments, **env))
            assert sidecar.ready
            return sidecar

        yield start


@pytest.fixture
def start_idle(start_sidecar: StartSidecar) -> StartSidecar:
    """As start_sidecar, where a person chose to do without workers: tasks wait, and can be looked at."""

    def start(*arguments: str, **env: Any) -> RunningSidecar:
        sidecar = start_sidecar(*arguments, **env)
        with sidecar.client() as client:
            assert client.post("/api/startup/", json={"choice": "without_workers"}).status_code == 200
        return sidecar

    return start


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """A browser profile of its own; the keywords are Playwright's."""
    with contextlib.ExitStack() as stack:

        def new(**options: Any) -> BrowserContext:
            context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
            stack.callback(context.close)
            return context

        yield new


@pytest.fixture
def open_panel(new_context: Callable[..., BrowserContext]) -> Iterator[OpenPanel]:
    """open_panel(sidecar): its start page, signed in. open_panel(sidecar, beside=panel): another tab.

    No console error passes that the test did not announce (Panel.expects).
    """
    panels: list[Panel] = []

    def open_one(sidecar: RunningSidecar, *, beside: Panel | None = None, **options: Any) -> Panel:
        context = beside.page.context if beside else new_context(**options)
        panel = Panel(context)
        panels.append(panel)
        return panel.open(sidecar.record["url"] if beside else sign_in_link(sidecar))

    yield open_one
    complaints = [complaint for panel in panels for complaint in panel.complaints]
    assert complaints == []


Submit = Callable[..., str]


@pytest.fixture
def submit() -> Submit:
    """submit(sidecar, "code", label="...") queues a Python program; its id."""

    def one(sidecar: RunningSidecar, code: str = "import time; time.sleep(300)", **fields: Any) -> str:
        with sidecar.client() as client:
            parameters = {"argv": [sys.executable, "-u", "-c", code]}
            answer = client.post(
                "/api/tasks/", json={"simulation": "command", "parameters": parameters, **fields}
            )
            assert answer.status_code == 201, answer.text
            return str(answer.json()["task_id"])

    return one


def until(client: httpx.Client, path: str, probe: Callable[[Any], Any], within: float = 20) -> Any:
    """The first true probe(JSON of path)."""
    return eventually(lambda: probe(client.get(path).json()), within=within, every=0.05)
