"""A small client of the DevTools protocol: looks into a page of the window, or into Electron's main process.

Playwright's Electron support is for Node.js only, and over CDP it wants a browser that manages contexts,
which Electron does not. What these tests need of it fits into this file.
"""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.helpers.waiting import eventually

PATIENCE = 30.0


class Gone(Exception):
    """What was looked into has ended, or was replaced by another page."""


class Refused(Exception):
    """The expression threw; the message is its own."""


class Inspector:
    """One connection. evaluate() gives JSON values."""

    def __init__(self, url: str) -> None:
        self._life = contextlib.ExitStack()
        self._socket = self._life.enter_context(
            connect(
                url,
                proxy=None,
                compression=None,
                max_size=None,
                open_timeout=PATIENCE,
                close_timeout=1,
                ping_interval=None,  # Node.js ends a connection on which a ping comes.
            )
        )
        self._last = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method; other messages that come meanwhile are left alone."""
        self._last += 1
        try:
            self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
            while True:
                message = json.loads(self._socket.recv(timeout=PATIENCE))
                if message.get("id") == self._last:
                    break
        except ConnectionClosed as error:
            raise Gone(method) from error
        if "error" in message:
            raise Gone(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        found = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
            includeCommandLineAPI=True,
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise Refused(str(details.get("exception", {}).get("description", details["text"])))
        return found["result"].get("value")

    def close(self) -> None:
        """Let go."""
        with contextlib.suppress(Exception):
            self._life.close()


class Page(Inspector):
    """A page: what stands in it, and what a person does to it."""

    @property
    def url(self) -> str:
        """Its address."""
        return str(self.evaluate("location.href"))

    def text(self, selector: str = "body") -> str:
        """What a person reads in the first element of that kind; empty if there is none that can be seen."""
        found = f"document.querySelector({json.dumps(selector)})"
        return str(self.evaluate(f"{found}?.checkVisibility?.() === false ? '' : {found}?.innerText ?? ''"))

    def click(self, selector: str, text: str = "") -> None:
        """Click the first such element that can be seen and holds the text; waits for it."""
        find = f"""[...document.querySelectorAll({json.dumps(selector)})].find((one) =>
            one.innerText.includes({json.dumps(text)}) && one.getClientRects().length > 0 && !one.disabled)"""
        eventually(lambda: self.evaluate(f"{find} !== undefined"), within=PATIENCE)
        self.evaluate(f"{find}.click()")

    def says(self, text: str, selector: str = "body", within: float = PATIENCE) -> None:
        """Wait until the element holds that text."""
        eventually(lambda: text in self.text(selector), within=within, every=0.05)

    def picture(self, path: Path) -> None:
        """A PNG of what the window shows."""
        data = self.call("Page.captureScreenshot", format="png", fromSurface=True)["data"]
        path.write_bytes(base64.b64decode(data))
