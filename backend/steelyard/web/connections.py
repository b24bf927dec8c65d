"""uvicorn's connections, and what it leaves open: heads and bodies that never end, the form of errors.

What a peer does before its request is whole never reaches the application, so it is dealt with here.
"""

from __future__ import annotations

import asyncio
import sys

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from steelyard.machine.faultpoints import reach
from steelyard.web.answers import encode
from steelyard.web.headers import standing_headers

HEAD_WITHIN = 15.0
"""Seconds from the first byte (or the connection) to the end of a request's head."""
DISCARD_WITHIN = 5.0
"""Seconds for the rest of a body whose request was answered already, with 413 for instance."""
GONE_WITHIN = 10.0
"""Seconds for a WebSocket's peer to take its close frame."""


class HttpConnection(H11Protocol):
    """HTTP/1.1 of one client. uvicorn's own time limit begins only after the first answer."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see whether what they belong to is late."""
        super().data_received(data)
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the connection to the WebSocket."""
        self._forget()
        super().handle_websocket_upgrade(event)

    def _watch(self) -> None:
        if self.conn.their_state is h11.SWITCHED_PROTOCOL or self.transport.get_protocol() is not self:
            return
        # uvicorn declares the type and begins with None.
        answered = self.cycle is not None and self.cycle.response_complete  # type: ignore[redundant-expr]
        limit = None
        if self.conn.their_state is h11.IDLE:
            limit = HEAD_WITHIN
        elif self.conn.their_state is h11.SEND_BODY and answered:
            limit = DISCARD_WITHIN
        if limit is None or self.transport.is_closing():
            self._forget()
        elif self._deadline is None:
            # Not moved by what trickles in: a byte a second would keep a connection for ever.
            self._deadline = self.loop.call_later(limit, self.transport.close)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_response_complete(self) -> None:
        """A new wait begins: for the next head (uvicorn's), or for the end of this body (ours)."""
        reach("answer", "after_send")
        self._forget()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._watch()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP at all gets the same form of error as everything else.

        h11 itself refuses a request without a Host header, or with two.
        """
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        # uvicorn calls this where it handles h11's refusal, and does not hand it on.
        wrong_host = "Host: header" in str(sys.exception())
        code = "forbidden_host" if wrong_host else "invalid_request"
        message = "There must be one Host header." if wrong_host else "This is no valid HTTP request."
        body = encode({"error": {"code": code, "message": message, "detail": {}}})
        port = (self.server or ("", 0))[1] or 0
        headers = {**standing_headers(port), "content-type": "application/json", "connection": "close"}
        headers["content-length"] = str(len(body))
        head = h11.Response(status_code=400, headers=list(headers.items()), reason=b"Bad Request")
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that can be closed even when its peer reads nothing any more."""

    async def send(self, message: ASGISendEvent) -> None:
        """As uvicorn does, but a close frame does not wait behind a full buffer."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    def cut_off(self) -> None:
        """At the end: whoever has not taken what was sent by now is not waited for."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done: whoever has not taken the rest by then never will."""
        super().on_task_complete(task)
        self.loop.call_later(GONE_WITHIN, self.transport.abort)
