"""A folder that does not answer is asked by few threads, however often somebody wants to know."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from steelyard.machine.answering import ask
from steelyard.rules.errors import Unanswered


class Disk:
    """One that answers when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = 0

    def look(self) -> str:
        self.asked += 1
        assert self.may.wait(60)
        return "files"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.may.set()


async def test_it_hands_back_what_the_work_returns_or_raises() -> None:
    assert await ask("/near", lambda: "files") == "files"
    with pytest.raises(FileNotFoundError):
        await ask("/near", lambda: os.stat("/there/is/none"))


async def test_an_error_of_the_disk_that_is_called_a_timeout_is_no_silence() -> None:
    def fails() -> None:
        raise TimeoutError(110, "Connection timed out")

    for _ in range(2):
        with pytest.raises(TimeoutError):
            await ask("/near", fails)


async def test_a_silent_folder_is_asked_once_and_others_as_always(disk: Disk) -> None:
    with pytest.raises(Unanswered, match=r"/far has not answered for 0\.1 s") as caught:
        await ask("/far", disk.look, within=0.1)
    assert caught.value.detail == {"folder": "/far"}
    for _ in range(20):
        with pytest.raises(Unanswered, match="/far still does not answer"):
            await ask("/far", disk.look)
    assert disk.asked == 1
    assert await ask("/near", lambda: "files") == "files"


async def test_once_it_answers_it_is_asked_again(disk: Disk) -> None:
    with pytest.raises(Unanswered):
        await ask("/far", disk.look, within=0.1)
    disk.may.set()
    async with asyncio.timeout(30):
        while True:
            try:
                assert await ask("/far", disk.look) == "files"
                break
            except Unanswered:
                await asyncio.sleep(0.001)


async def test_a_silence_is_noticed_though_whoever_asked_has_gone(disk: Disk) -> None:
    asking = asyncio.ensure_future(ask("/far", disk.look, within=0.02))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(30):
        while disk.asked < 100:
            try:
                async with asyncio.timeout(0.001):
                    await ask("/far", disk.look, within=0.02)
            except Unanswered:
                break
            except TimeoutError:
                continue
    assert disk.asked < 100
