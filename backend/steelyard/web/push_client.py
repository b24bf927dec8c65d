"""One client of the push channel: what it wants, what waits for it, and how it ends."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from steelyard.rules.errors import InvalidRequest
from steelyard.web import bodies
from steelyard.web.answers import encode
from steelyard.web.needs import Json

QUEUE_MESSAGES = 2048
QUEUE_CHARACTERS = 8 * 1024 * 1024
"""What may wait for one client before it counts as too slow."""
MOST_LOGS = 32
"""Logs that one client may follow."""
TOO_SLOW = 1013
NOT_TEXT = 1003
LAST_WORDS = 0.5
"""Seconds in which a client that is sent away still gets what waits for it."""

_TOPIC = re.compile(r"queue|memory|progress|log:[A-Za-z0-9_-]{1,64}")


class _Wishes(msgspec.Struct, forbid_unknown_fields=True):
    subscribe: list[str] = []
    unsubscribe: list[str] = []


def read_wishes(text: str, have: set[str]) -> tuple[set[str], set[str]]:
    """(topics to subscribe, topics to unsubscribe) of a client's message; InvalidRequest if it is none."""
    wishes = bodies.decode(text.encode("utf-8", "replace"), _Wishes)
    for topic in (*wishes.subscribe, *wishes.unsubscribe):
        if not _TOPIC.fullmatch(topic):
            raise InvalidRequest(f"There is no topic {topic!r:.80}: queue, memory, progress, log:<task id>.")
    more = set(wishes.subscribe)
    if sum(topic.startswith("log:") for topic in have | more) > MOST_LOGS:
        raise InvalidRequest(f"One connection follows at most {MOST_LOGS} logs.")
    return more, set(wishes.unsubscribe)


class Client:
    """Its WebSocket and a bounded queue in front of it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._news = asyncio.Event()
        self._ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.topics: set[str] = set()
        self.sent = 0
        """The highest `seq` of a stored message that it has, or that waits for it."""

    def offer(self, text: str, seq: int | None) -> None:
        """Queue a message; seq only for a stored one, which is dropped if the client has it already."""
        if self._ended.done() or (seq is not None and seq <= self.sent):
            return
        if len(self._waiting) >= QUEUE_MESSAGES or self._characters + len(text) > QUEUE_CHARACTERS:
            self._waiting.clear()
            self.end(TOO_SLOW, "too slow: connect again with resume_from")
            return
        if seq is not None:
            self.sent = seq
        self._waiting.append(text)
        self._characters += len(text)
        self._news.set()

    def end(self, code: int, reason: str) -> None:
        """Close the WebSocket soon; the first code stands."""
        if not self._ended.done():
            self._ended.set_result((code, reason))

    async def run(self, beginning: Iterator[list[Json]], wish: Callable[[str], None]) -> None:
        """Accept, send the beginning, then what is offered, until one side ends it."""
        await self._websocket.accept()
        reader = asyncio.ensure_future(self._read(wish))
        writer = asyncio.ensure_future(self._write(beginning))
        try:
            await asyncio.wait((reader, writer, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done() and not reader.done():
                code, reason = self._ended.result()
                await self._last_words(code, writer)
                await self._websocket.close(code, reason)
        finally:
            reader.cancel()
            writer.cancel()
            ended = await asyncio.gather(reader, writer, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception) and not _is_farewell(error):
                raise error

    async def _last_words(self, code: int, writer: asyncio.Future[None]) -> None:
        if code != TOO_SLOW:
            self._news.set()
            await asyncio.wait((writer,), timeout=LAST_WORDS)
        writer.cancel()
        await asyncio.wait((writer,))

    async def _read(self, wish: Callable[[str], None]) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self.end(NOT_TEXT, "messages are JSON text")
                await asyncio.Event().wait()
            else:
                wish(text)

    async def _write(self, beginning: Iterator[list[Json]]) -> None:
        try:
            for page in beginning:
                for message in page:
                    await self._websocket.send_text(encode(message).decode())
                # To send waits only for a client that does not keep up; others want to be served between.
                await asyncio.sleep(0)
        except LookupError as error:
            self.end(TOO_SLOW, f"too slow: {error}; connect again")
            return
        while self._waiting or not self._ended.done():
            while self._waiting:
                text = self._waiting.popleft()
                self._characters -= len(text)
                await self._websocket.send_text(text)
            self._news.clear()
            if not self._ended.done():
                await self._news.wait()


def _is_farewell(error: Exception) -> bool:
    """Whether it only says that the other side has gone. (uvicorn's own class for that is an OSError.)"""
    return isinstance(error, WebSocketDisconnect | OSError)
