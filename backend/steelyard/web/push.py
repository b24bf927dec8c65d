"""/ws: every change, pushed to whoever listens. The hub hears the supervisor and knows who wants what.

Nothing here waits for a client: each has a bounded queue and a writer of its own, and one that does not keep
up is closed (1013) and comes back with `resume_from`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from steelyard.rules.errors import AtCapacity, InvalidRequest, ShuttingDown, SteelyardError
from steelyard.web.answers import encode
from steelyard.web.needs import Json, Needs
from steelyard.web.push_client import Client, read_wishes

log = logging.getLogger(__name__)

MOST_CLIENTS = 32
LONGEST_REPLAY = 10_000
"""Messages; whoever missed more gets a snapshot, which is shorter."""
GOING_AWAY = 1001
BROKEN = 1011
"""The code for a fault of the server's own (RFC 6455, 7.4.1)."""
PACE = 1.0
"""Seconds between two tellings of progress: of each task its latest, all together. Every message wakes a
page, and nobody reads a bar four times a second."""
CLOSE_WITHIN = 1.0
"""Seconds that all clients together have to take what is left and close."""

_STORED = frozenset({"worker", "task", "prompt"})
"""Types that carry a `seq` of their own and go to everybody; all others go to who asked."""


class Hub:
    """Takes each message of the supervisor once, encodes it once, and hands it to those who want it."""

    def __init__(self, supervisor: Needs) -> None:
        self._supervisor = supervisor
        self._clients: dict[Client, asyncio.Task[None]] = {}
        self._followers: Counter[str] = Counter()
        self._deaf: Callable[[], None] | None = None
        self._closing = False
        self._held: dict[str, Json] = {}
        self._pace: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to listen."""
        self._deaf = self._supervisor.listen(self._hear)

    async def close(self, within: float = CLOSE_WITHIN) -> None:
        """Close every WebSocket with 1001 and let nobody in any more. Before the server stops, not after."""
        self._closing = True
        for client in self._clients:
            client.end(GOING_AWAY, "Steelyard is shutting down")
        if self._clients:
            await asyncio.wait(self._clients.values(), timeout=within)
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        if self._pace is not None:
            self._pace.cancel()

    def _hear(self, message: Json) -> None:
        with self._told_or_closed():
            self._take(message)

    @contextmanager
    def _told_or_closed(self) -> Iterator[None]:
        """A client that could not be told is closed: it comes back, and is sent all that it missed."""
        try:
            yield
        except Exception:
            log.exception("the clients could not be told of a change; they are closed, to come again")
            for client in self._clients:
                client.end(BROKEN, "a fault: connect again with resume_from")

    def _take(self, message: Json) -> None:
        if message["type"] == "progress":
            if self._pace is not None:
                self._held[message["task_id"]] = message
                return
            self._pace = asyncio.get_running_loop().call_later(PACE, self._tell_held)
        elif message["type"] == "task" and (held := self._held.pop(message["task"].get("task_id"), None)):
            # What it did is never told after how it ended.
            self._tell(held)
        self._tell(message)

    def _tell_held(self) -> None:
        """The progress that came meanwhile; with none, the next one is told at once."""
        held, self._held = self._held, {}
        self._pace = asyncio.get_running_loop().call_later(PACE, self._tell_held) if held else None
        with self._told_or_closed():
            for message in held.values():
                self._tell(message)

    def _tell(self, message: Json) -> None:
        stored = message["type"] in _STORED
        topic = f"log:{message['task_id']}" if message["type"] == "log" else str(message["type"])
        text = ""
        for client in self._clients:
            if stored or topic in client.topics:
                text = text or encode(message).decode()
                client.offer(text, message["seq"] if stored else None)

    async def serve(self, websocket: WebSocket) -> None:
        """One client, from its handshake (authenticated by now) to its end."""
        since = _resume_from(websocket)
        if self._closing:
            raise ShuttingDown("Steelyard is shutting down.")
        if len(self._clients) >= MOST_CLIENTS:
            raise AtCapacity(f"{MOST_CLIENTS} WebSockets are open already.", most=MOST_CLIENTS)
        # From here to the entry in _clients nothing awaits: no change is in both, or in neither.
        client = Client(websocket)
        beginning = self._beginning(client, since)
        task = asyncio.current_task()
        assert task is not None
        self._clients[client] = task
        try:
            await client.run(beginning, lambda text: self._wish(client, text))
        finally:
            del self._clients[client]
            for topic in client.topics:
                self._leave(topic)

    def _beginning(self, client: Client, since: int | None) -> Iterator[list[Json]]:
        """What the client is sent first, page by page: all that it missed, or else where things stand."""
        last = self._supervisor.last_seq()
        if since is not None and 0 <= last - since <= LONGEST_REPLAY:
            missed = self._supervisor.replay(since)
            if missed is not None:
                client.sent = last
                return missed
        status = self._supervisor.status()
        client.sent = status["seq"]
        return iter([[{"type": "snapshot", "seq": status["seq"], "status": status}]])

    def _wish(self, client: Client, text: str) -> None:
        """Carry out a client's message; one that is not understood is answered, and changes nothing."""
        try:
            more, less = read_wishes(text, client.topics)
            for topic in more - client.topics:
                self._join(topic)
                client.topics.add(topic)
            for topic in less & client.topics:
                client.topics.remove(topic)
                self._leave(topic)
        except SteelyardError as error:
            about = {"code": error.code, "message": error.message, "detail": error.detail}
            client.offer(encode({"type": "error", "seq": client.sent, "error": about}).decode(), None)

    def _join(self, topic: str) -> None:
        kind, _, task_id = topic.partition(":")
        if kind == "log" and self._followers[topic] == 0:
            self._supervisor.watch_log(task_id)
        self._followers[topic] += 1

    def _leave(self, topic: str) -> None:
        kind, _, task_id = topic.partition(":")
        self._followers[topic] -= 1
        if self._followers[topic] == 0:
            del self._followers[topic]
            if kind == "log":
                self._supervisor.unwatch_log(task_id)


def _resume_from(websocket: WebSocket) -> int | None:
    values = websocket.query_params.multi_items()
    if not values:
        return None
    [(name, value), *rest] = values
    if rest or name != "resume_from" or not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise InvalidRequest("The only parameter is resume_from, a whole number.")
    return int(value)


def route(hub: Hub) -> WebSocketRoute:
    """The hub's address."""
    return WebSocketRoute("/ws", hub.serve)
