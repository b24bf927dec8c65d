"""The HTTP server: uvicorn on a socket that is bound already, with the limits of SECURITY 16 and 17.

Signals are not its business: whoever runs it (cli/sidecar) leaves the block of `running()` to stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from steelyard.rules.errors import StartError
from steelyard.web.access import HOST
from steelyard.web.connections import HttpConnection, WebSocketConnection

if TYPE_CHECKING:
    from steelyard.web.push import Hub

WEBSOCKET_LIMIT = 64 * 1024
"""Bytes of one message from a client."""
KEEP_ALIVE = 65
"""Seconds that a connection may lie idle between two requests."""
STOP_WITHIN = 5
"""Seconds that requests have to finish once the server stops."""
CLOSE_WITHIN = 1.0
"""Seconds that WebSockets have to take what is left for them and close."""
STARTED_EVERY = 0.002
"""Seconds between two looks whether uvicorn listens; it tells nobody."""
PING_EVERY = 20.0
"""Seconds between two pings of a WebSocket, and within which each is answered."""


def listen(port: int = 0) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 lets the kernel choose. StartError(port_unavailable)."""
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: with 0, the default, the body
    # of every answer waits 40 ms for the client's delayed acknowledgement of its head.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Windows lets two programs bind one port unless the first forbids it; elsewhere a port that was used
        # a moment ago may be had again.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise StartError(
            "port_unavailable",
            f"Port {port} of {HOST} cannot be used: {error.strerror}.",
            "Choose another port, or leave the choice to the system with --port 0.",
        ) from error
    return listener


class Server(uvicorn.Server):
    """uvicorn's server, which says 1001 to its WebSockets before it closes anything, and idles in peace."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._leave = asyncio.Event()
        self._close_within = CLOSE_WITHIN
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        """Whether to stop; set it on the loop's thread."""
        return self._leave.is_set()

    @should_exit.setter
    def should_exit(self, yes: bool) -> None:
        if yes:
            self._leave.set()
        else:
            self._leave.clear()

    async def main_loop(self) -> None:
        """Renew the Date header each second until told to leave. uvicorn itself looks ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leave.wait(), 1.0)

    def hurry(self, stop_within: float) -> None:
        """Give requests and WebSockets at most so many seconds when the server stops, and never more than
        they have anyway.
        """
        self._close_within = min(self._close_within, stop_within)
        given = self.config.timeout_graceful_shutdown
        within = stop_within if given is None else min(given, stop_within)
        self.config.timeout_graceful_shutdown = within  # type: ignore[assignment]  # it may be a float

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: uvicorn would raise them again after serve(), and the program would not get to its end."""
        yield

    @contextlib.asynccontextmanager
    async def running(self, listener: socket.socket) -> AsyncIterator[None]:
        """Serve on `listener` until the block is left; it is entered once requests are answered.

        Leaving it closes WebSockets with 1001, lets requests finish, and closes the listener.
        """
        serving = asyncio.ensure_future(self.serve(sockets=[listener]))
        try:
            while not self.started:
                done, _ = await asyncio.wait((serving,), timeout=STARTED_EVERY)
                if done:
                    serving.result()
                    raise RuntimeError("the HTTP server ended before it had begun")
            yield
        finally:
            self.should_exit = True
            await serving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the push channel, then stop as uvicorn does."""
        app = self.config.app
        assert isinstance(app, Starlette)
        hub: Hub = app.state.hub
        await hub.close(self._close_within)
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketConnection):
                connection.cut_off()
        await super().shutdown(sockets)


def make_server(app: Starlette, *, keep_alive: int = KEEP_ALIVE, stop_within: int = STOP_WITHIN) -> Server:
    """A server for `app`: `async with make_server(app).running(listener): ...`"""
    config = uvicorn.Config(
        app,
        http=HttpConnection,
        ws=WebSocketConnection,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        # At INFO it writes a line for every WebSocket, address included.
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=WEBSOCKET_LIMIT,
        # On the loopback compression costs more than it saves, in time and in memory a client.
        ws_per_message_deflate=False,
        ws_ping_interval=PING_EVERY,
        ws_ping_timeout=PING_EVERY,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=stop_within,
    )
    return Server(config)
