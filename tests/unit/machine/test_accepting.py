"""An accept that fails is no end of listening: the decision of the Windows loop, with made-up failures."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from steelyard.machine import accepting


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as found:
        yield found


class Accept:
    """An accept that fails so many times before it succeeds."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError(64, "The specified network name is no longer available")
        return "connection"


@pytest.mark.parametrize("failures", [0, 1, 10])
async def test_a_client_that_left_is_no_end(
    listener: socket.socket, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "LONGEST_PAUSE", 0.001)
    accept = Accept(failures)
    assert await accepting.accepted(accept, listener) == "connection"
    assert accept.calls == failures + 1


async def test_a_listener_that_we_closed_is(listener: socket.socket) -> None:
    listener.close()
    accept = Accept(1)
    with pytest.raises(OSError, match="no longer available"):
        await accepting.accepted(accept, listener)
    assert accept.calls == 1


async def test_one_that_is_told_to_stop_stops(listener: socket.socket) -> None:
    waiting = asyncio.ensure_future(accepting.accepted(Accept(10**9), listener))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert listener.fileno() != -1
