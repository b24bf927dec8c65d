"""Client's hands: carries steps out by blocking, over httpx and websockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from steelyard.client import exchange, sockets
from steelyard.client.address import Address
from steelyard.client.downloads import whole
from steelyard.client.errors import NoSidecar
from steelyard.client.exchange import Call
from steelyard.client.messages import Message
from steelyard.client.steps import Dropped, Fetch, FindAgain, Give, Listen, Now, Pause, Receive, Step, Tell
from steelyard.rules.errors import Unauthorised

T = TypeVar("T")

_SLICE = 0.5
"""Seconds; on some systems a wait cannot be interrupted by Ctrl-C, so none is longer."""


class Connection:
    """An authenticated connection to a sidecar. Safe to close twice."""

    def __init__(
        self,
        address: Address,
        timeout: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], object],
        tell: Callable[[str], object],
    ) -> None:
        self.address = address
        self.last: httpx.Response | None = None
        """The server's last answer, for who needs its status or its very text."""
        self.tell = tell
        self._timeout = timeout
        self._monotonic = monotonic
        self._sleep = sleep
        self._http = httpx.Client(**exchange.http_options(address.url, address.token, timeout))

    def close(self) -> None:
        """Let the sockets go."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The answer. Raises the SteelyardError of its code, NoSidecar or NoAnswer.

        A request that cannot have been carried out goes to the next sidecar, if there is one already.
        """
        try:
            return self._exchange(call)
        except (NoSidecar, Unauthorised) as error:
            if not exchange.may_go_elsewhere(call, error) or not self.address.moved():
                raise
            self._turn()
            return self._exchange(call)

    def _exchange(self, call: Call[T]) -> T:
        with exchange.told(self.address.url, self._timeout):
            response = self._http.request(**exchange.request_options(call))
        self.last = response
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

    def fetch(self, step: Fetch) -> None:
        """Write a file of the sidecar's to its target."""
        url = self.address.url
        with (
            exchange.told(url, self._timeout),
            self._http.stream("GET", step.path, headers={"Accept": "*/*"}) as response,
        ):
            if not response.is_success:
                response.read()
                exchange.read_document(response, url)
            with whole(step.target) as out:
                for chunk in response.iter_bytes():
                    out.write(chunk)

    def listen(self, step: Listen) -> ClientConnection:
        """An open WebSocket."""
        address = self.address
        with sockets.told(address.url, self._timeout):
            socket = connect(
                sockets.uri(address.url, step), legacy=True, **sockets.options(address.token, self._timeout)
            )
        wish = sockets.wish(step)
        try:
            if wish is not None:
                socket.send(wish)
        except ConnectionClosed:
            # The first receive() finds out.
            pass
        return socket


class Hands:
    """What one plan has in hand: the connection, and a WebSocket of its own if it listens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._socket: ClientConnection | None = None

    def close(self) -> None:
        """Let the WebSocket go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def do(self, step: Step | Give[Any]) -> Any:
        """Carry one step out; what came of it."""
        connection = self._connection
        match step:
            case Call():
                return connection.send(step)
            case Receive(within):
                return self._receive(within)
            case Listen():
                self.close()
                self._socket = connection.listen(step)
            case Pause(seconds):
                connection._sleep(seconds)
            case Now():
                return connection._monotonic()
            case FindAgain():
                return connection.find_again()
            case Fetch(target=target):
                connection.fetch(step)
                return target
            case Tell(text):
                connection.tell(text)
        return None

    def _receive(self, within: float | None) -> Message | None:
        if self._socket is None:
            raise Dropped
        left = within
        while True:
            try:
                return sockets.read(self._socket.recv(_SLICE if left is None else min(left, _SLICE)))
            except TimeoutError:
                if left is not None:
                    left -= _SLICE
                    if left <= 0:
                        return None
            except ConnectionClosed:
                raise Dropped from None
