"""A page as a person has it open, and what it must not do: complain in its console."""

from __future__ import annotations

import io
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PATIENCE = 20_000
"""Milliseconds."""

QUIET = 0.5
"""Seconds without a request after which a page is at rest: live.js puts nothing off for longer than 0.15."""

ALWAYS_ASKED = ("/ws", "/healthz", "/htmx/storage/")


DRAWN = """
async one => {
  while (!one.complete && !one.hidden) await new Promise(requestAnimationFrame);
  if (!one.hidden) await one.decode().catch(() => undefined);
}
"""
"""Resolves when a picture is drawn, or its words stand in its place."""


TEMPORARY = rf"{re.escape(tempfile.gettempdir())}/[^/\s]+/[^/\s]+/[^/\s]+"
"""The folder of one test, as pytest names it."""

AT_HOME = """
([temporary, checkout]) => {
  const folder = new RegExp(temporary, "g");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const told = text.data.replace(folder, "~").replaceAll("~/data", "~/.local/share/steelyard")
      .replaceAll(checkout, "~/steelyard");
    if (told !== text.data) text.data = told;
  }
}
"""
"""In a picture for the documents paths lie where a person's would."""


def sign_in_link(sidecar: RunningSidecar) -> str:
    """The link that it prints on stderr; it works once."""

    def found() -> str | None:
        match = re.search(rb"http://127\.0\.0\.1:\d+/sign-in/\S+", bytes(sidecar.stderr))
        return match[0].decode() if match else None

    return eventually(found, within=30) or ""


class Panel:
    """One tab. `complaints` are errors of its console that no test said it expects."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        """"GET /path" of each request, in order."""
        self._expected: list[str] = []
        self._under_way: set[Request] = set()
        self._last_request = time.monotonic()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)
        self.page.on("requestfinished", self._answered)
        self.page.on("requestfailed", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(one in message.text for one in self._expected):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        self.asked.append(f"{request.method} /{request.url.split('/', 3)[-1]}")
        self._under_way.add(request)
        self._last_request = time.monotonic()

    def _answered(self, request: Request) -> None:
        self._under_way.discard(request)
        self._last_request = time.monotonic()

    def expects(self, *texts: str) -> None:
        """The browser itself notes every refused request: those that the test causes on purpose."""
        self._expected += texts

    def open(self, url: str) -> Panel:
        """Go there and wait until the page is live."""
        self.page.goto(url)
        return self.is_live()

    def is_live(self) -> Panel:
        """Wait until its WebSocket is there."""
        self.connection("live").wait_for()
        return self

    def connection(self, state: str) -> Locator:
        """The mark that shows that state of the connection."""
        return self.page.locator(f'#connection[data-state="{state}"]')

    def cards(self, state: str = "") -> Locator:
        """Workers' cards, of one state."""
        cards = self.page.locator("article.worker")
        return cards.filter(has=self.page.locator(f".state-{state}")) if state else cards

    def click(self, button: str) -> None:
        """A button of the section by its word."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def notice(self, words: str) -> Locator:
        """Wait for a notice that says so."""
        notice = self.page.locator(".notice", has_text=words).first
        notice.wait_for()
        return notice

    def dialog(self, title: str) -> Locator:
        """Wait for the open dialog of that title."""
        dialog = self.page.get_by_role("dialog", name=title)
        dialog.wait_for()
        return dialog

    def text(self, selector: str) -> str:
        """What stands there, in one line."""
        return " ".join(self.page.locator(selector).first.inner_text().split())

    def eventually(self, probe: Callable[[], Any], within: float = 20) -> Any:
        """As tests.helpers.waiting, while the browser's events go on being heard."""

        def patient() -> Any:
            # Any question brings what the browser has told meanwhile; this one fails on no navigation.
            self.page.context.cookies()
            return probe()

        return eventually(patient, within=within, every=0.02)

    def is_at_rest(self) -> Panel:
        """Wait until the page has asked for all that it is going to: nothing under way, nothing for a while.

        Playwright's "networkidle" is no such wait: once a page was idle it counts as idle for good.
        """
        began = time.monotonic()
        self.eventually(
            lambda: not self._under_way and time.monotonic() - max(began, self._last_request) > QUIET
        )
        return self

    def see_pictures(self, pictures: Locator) -> None:
        """Bring each into sight, as one is fetched only then, and wait until it is drawn or its words are."""
        for picture in pictures.all():
            picture.locator("xpath=..").scroll_into_view_if_needed()
            picture.evaluate(DRAWN)
        self.page.evaluate("scrollTo(0, 0)")

    def asked_since(self, count: int) -> list[str]:
        """Requests after the first `count`, but for what the connection itself needs."""
        return [one for one in self.asked[count:] if not one.endswith(ALWAYS_ASKED) and "/ws" not in one]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def shoot(self, name: str, *, whole: bool = True) -> Path:
        """A picture for docs/screenshots: taken always, kept if there is none yet or if
        STEELYARD_SCREENSHOTS=1 asks for new ones, so that a run of the tests leaves the checkout as it was.
        """
        self.page.evaluate(AT_HOME, [TEMPORARY, str(SCREENSHOTS.parents[1])])
        picture = self.page.screenshot(full_page=whole, animations="disabled")
        path = SCREENSHOTS / f"{name}.png"
        if os.environ.get("STEELYARD_SCREENSHOTS") == "1" or not path.exists():
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            # A palette is plenty for a page, and a third of the bytes.
            Image.open(io.BytesIO(picture)).convert("RGB").quantize(256).save(path, optimize=True)
        return path
