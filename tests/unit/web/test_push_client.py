"""One client of the push channel, with a socket that can be held back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from steelyard.web import push_client
from steelyard.web.push_client import TOO_SLOW, Client
from tests.helpers.waiting import eventually_async


class HeldSocket:
    """Takes messages only while `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def accept(self) -> None:
        """Nothing to do."""

    async def send_text(self, text: str) -> None:
        await self.open.wait()
        self.sent.append(text)

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def running() -> tuple[Client, HeldSocket, asyncio.Task[None]]:
    socket = HeldSocket()
    client = Client(cast(WebSocket, socket))
    return (
        client,
        socket,
        asyncio.ensure_future(client.run(iter([[{"type": "snapshot"}]]), lambda text: None)),
    )


async def test_what_it_has_already_is_not_sent_again() -> None:
    client, socket, task = running()
    client.sent = 5
    for text, seq in (("old", 4), ("same", 5), ("new", 6), ("unstored", None), ("again", 6), ("next", 7)):
        client.offer(text, seq)
    await eventually_async(lambda: len(socket.sent) == 4)
    assert socket.sent[1:] == ["new", "unstored", "next"]
    socket.incoming.put_nowait({"type": "websocket.disconnect"})
    await task
    assert socket.closed is None


async def test_who_is_sent_away_gets_what_waits_for_it_first() -> None:
    client, socket, task = running()
    await eventually_async(lambda: socket.sent)
    socket.open.clear()
    for number in range(10):
        client.offer(str(number), None)
    client.end(1001, "over")
    client.end(1013, "the first code stands")
    await asyncio.sleep(0)
    assert socket.closed is None
    socket.open.set()
    await task
    assert socket.sent[1:] == [str(number) for number in range(10)]
    assert socket.closed == (1001, "over")


async def test_but_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_client, "LAST_WORDS", 0.02)
    client, socket, task = running()
    socket.open.clear()
    client.offer("never", None)
    client.end(1001, "over")
    await asyncio.wait_for(task, 5)
    assert socket.closed == (1001, "over")


@pytest.mark.parametrize(("limit", "value"), [("QUEUE_MESSAGES", 3), ("QUEUE_CHARACTERS", 30)])
async def test_its_queue_is_bounded(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(push_client, limit, value)
    client, socket, task = running()
    socket.open.clear()
    await asyncio.sleep(0)
    for number in range(10):
        client.offer("x" * 10, number)
    await asyncio.wait_for(task, 5)
    assert socket.closed is not None and socket.closed[0] == TOO_SLOW
    assert not client._waiting


async def test_a_fault_of_the_writer_is_not_swallowed() -> None:
    client, socket, task = running()

    async def broken(text: str) -> None:
        raise ZeroDivisionError

    socket.send_text = broken  # type: ignore[method-assign]
    client.offer("x", None)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, 5)


async def test_what_it_missed_is_read_a_page_at_a_time_and_others_are_served_between() -> None:
    turns = 0
    seen: list[int] = []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def pages() -> Iterator[list[dict[str, Any]]]:
        for number in range(5):
            seen.append(turns)
            yield [{"number": number}] * 3

    served = asyncio.create_task(others())
    socket = HeldSocket()
    client = Client(cast(WebSocket, socket))
    task = asyncio.ensure_future(client.run(pages(), lambda text: None))
    await eventually_async(lambda: len(socket.sent) == 15)
    assert len(set(seen)) == 5
    served.cancel()
    client.end(1001, "over")
    await task


async def test_who_missed_what_is_not_kept_any_more_has_to_come_again() -> None:
    def pages() -> Iterator[list[dict[str, Any]]]:
        yield [{"number": 1}]
        raise LookupError("change 2 is not kept any more")

    socket = HeldSocket()
    await Client(cast(WebSocket, socket)).run(pages(), lambda text: None)
    assert len(socket.sent) == 1
    assert socket.closed == (TOO_SLOW, "too slow: change 2 is not kept any more; connect again")
