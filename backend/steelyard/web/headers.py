"""The headers that every answer carries, the refusals at the door included (SECURITY 13, 21)."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def content_policy(port: int) -> str:
    """The Content-Security-Policy of our pages: our own files, nothing inline, nobody frames us.

    The WebSocket is named because not every engine takes 'self' to cover ws:. Tabler's stylesheet draws its
    icons from data: images.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' ws://127.0.0.1:{port}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""For files that a simulation wrote: opened by itself, such a file may run and load nothing."""


def standing_headers(port: int) -> dict[str, str]:
    """Set on every answer that does not say otherwise itself."""
    return {
        "content-security-policy": content_policy(port),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
    }


class HeadersMiddleware:
    """ASGI middleware: adds the standing headers to answers and to refused WebSocket handshakes."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._standing = standing_headers(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._standing.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add)
