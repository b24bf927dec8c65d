"""The edge on a real socket, in a thread: the server of `steelyard serve` before a fake supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import httpx
from websockets.sync.client import ClientConnection, connect

from steelyard.machine.clocks import SystemClocks
from steelyard.web.access import Access
from steelyard.web.app import create_app
from steelyard.web.serving import listen, make_server
from tests.fakes.supervisor import FakeSupervisor
from tests.helpers.waiting import eventually

T = TypeVar("T")


class Edge:
    """A running server. `call` runs something on its loop, where alone the supervisor may be touched."""

    def __init__(self, **server: Any) -> None:
        self.supervisor = FakeSupervisor()
        self.token = secrets.token_hex(32)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listener = listen()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.access = Access(self.port, self.token, SystemClocks())
        self.app = create_app(self.supervisor, self.access)
        self._server = make_server(self.app, **server)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._life()))

    async def _life(self) -> None:
        self._stop = asyncio.Event()
        async with self._server.running(self._listener):
            self.loop = asyncio.get_running_loop()
            await self._stop.wait()

    def start(self) -> Edge:
        """Serve."""
        self._thread.start()
        eventually(lambda: self.loop)
        return self

    def stop(self) -> None:
        """End as the sidecar does; the thread is gone when this returns. Twice does no harm."""
        if self._thread.is_alive() and self.loop is not None and self._stop is not None:
            self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(15)
        assert not self._thread.is_alive(), "the server did not stop"

    def call(self, what: Callable[[], T]) -> T:
        """The result of what(), run on the server's loop."""

        async def run() -> T:
            return what()

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def say(self, type_: str, **fields: Any) -> None:
        """A message of the supervisor."""
        self.call(lambda: self.supervisor.say(type_, **fields))

    @property
    def bearer(self) -> dict[str, str]:
        """The header that lets a program in."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **headers: str) -> httpx.Client:
        """HTTP without the token, unless headers bring it."""
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=False, timeout=20)

    @contextlib.contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser after its sign-in link."""
        with self.client() as client:
            assert client.get(self.call(self.access.new_link)).status_code == 303
            yield client

    def cookie(self) -> str:
        """The Cookie header of a browser that has signed in."""
        with self.signed_in() as client:
            return "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    def websocket(
        self, query: str = "", headers: dict[str, str] | None = None
    ) -> AbstractContextManager[ClientConnection]:
        """A WebSocket with the token, or with exactly the given headers."""
        return connect(
            f"ws://127.0.0.1:{self.port}/ws{query}",
            additional_headers=self.bearer if headers is None else headers,
            proxy=None,
            compression=None,
            open_timeout=10,
            close_timeout=2,
        )

    def deaf(self) -> socket.socket:
        """A WebSocket after a good handshake whose client takes next to nothing; the caller closes it."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", self.port))
        lines = ["GET /ws HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {self.token}"]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
        client.sendall("\r\n".join(lines).encode())
        eventually(lambda: self.app.state.hub._clients)
        return client

    def raw(self, request: bytes, *, wait: float = 5) -> bytes:
        """Bytes in, and all that comes back until the server closes or is silent for `wait` seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(request)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while data := connection.recv(65536):
                    answer += data
            return answer


@contextlib.contextmanager
def running_edge(**server: Any) -> Iterator[Edge]:
    """An edge that is gone at the end of the block."""
    edge = Edge(**server).start()
    try:
        yield edge
    finally:
        edge.stop()
