"""AsyncClient's hands: carries steps out by awaiting, over httpx and websockets; else as connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from steelyard.client import exchange, sockets
from steelyard.client.address import Address
from steelyard.client.downloads import whole
from steelyard.client.errors import NoSidecar
from steelyard.client.exchange import Call
from steelyard.client.messages import Message
from steelyard.client.steps import Dropped, Fetch, FindAgain, Give, Listen, Now, Pause, Receive, Step, Tell
from steelyard.rules.errors import Unauthorised

T = TypeVar("T")


class AsyncConnection:
    """An authenticated connection to a sidecar. Safe to close twice."""

    def __init__(
        self,
        address: Address,
        timeout: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        tell: Callable[[str], object],
    ) -> None:
        self.address = address
        self.tell = tell
        self._timeout = timeout
        self._monotonic = monotonic
        self._sleep = sleep
        self._http = httpx.AsyncClient(**exchange.http_options(address.url, address.token, timeout))

    async def close(self) -> None:
        """Let the sockets go."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """The answer. Raises the SteelyardError of its code, NoSidecar or NoAnswer.

        A request that cannot have been carried out goes to the next sidecar, if there is one already.
        """
        try:
            return await self._exchange(call)
        except (NoSidecar, Unauthorised) as error:
            if not exchange.may_go_elsewhere(call, error) or not self.address.moved():
                raise
            self._turn()
            return await self._exchange(call)

    async def _exchange(self, call: Call[T]) -> T:
        with exchange.told(self.address.url, self._timeout):
            response = await self._http.request(**exchange.request_options(call))
        return exchange.read_answer(call, response, self.address.url)

    def _turn(self) -> None:
        self._http.base_url = self.address.url
        self._http.headers.update(exchange.headers(self.address.token))

    def find_again(self) -> bool | None:
        """As Address.find_again(), and speak to that one."""
        found = self.address.find_again()
        if found:
            self._turn()
        return found

    async def fetch(self, step: Fetch) -> None:
        """Write a file of the sidecar's to its target."""
        url = self.address.url
        with exchange.told(url, self._timeout):
            async with self._http.stream("GET", step.path, headers={"Accept": "*/*"}) as response:
                if not response.is_success:
                    await response.aread()
                    exchange.read_document(response, url)
                with whole(step.target) as out:
                    async for chunk in response.aiter_bytes():
                        out.write(chunk)

    async def listen(self, step: Listen) -> ClientConnection:
        """An open WebSocket."""
        address = self.address
        with sockets.told(address.url, self._timeout):
            socket = await connect(
                sockets.uri(address.url, step), **sockets.options(address.token, self._timeout)
            )
        wish = sockets.wish(step)
        try:
            if wish is not None:
                await socket.send(wish)
        except ConnectionClosed:
            # The first receive() finds out.
            pass
        return socket


class AsyncHands:
    """What one plan has in hand: the connection, and a WebSocket of its own if it listens."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._socket: ClientConnection | None = None

    async def close(self) -> None:
        """Let the WebSocket go."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def do(self, step: Step | Give[Any]) -> Any:
        """Carry one step out; what came of it."""
        connection = self._connection
        match step:
            case Call():
                return await connection.send(step)
            case Receive(within):
                return await self._receive(within)
            case Listen():
                await self.close()
                self._socket = await connection.listen(step)
            case Pause(seconds):
                await connection._sleep(seconds)
            case Now():
                return connection._monotonic()
            case FindAgain():
                return connection.find_again()
            case Fetch(target=target):
                await connection.fetch(step)
                return target
            case Tell(text):
                connection.tell(text)
        return None

    async def _receive(self, within: float | None) -> Message | None:
        if self._socket is None:
            raise Dropped
        try:
            async with asyncio.timeout(within):
                return sockets.read(await self._socket.recv())
        except TimeoutError:
            return None
        except ConnectionClosed:
            raise Dropped from None
