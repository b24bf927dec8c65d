"""A way out may only become quicker."""

from __future__ import annotations

import asyncio

import pytest

from steelyard.supervisor.departure import Departure
from tests.fakes.clocks import FakeClocks


def test_a_later_word_makes_it_sooner_and_never_later() -> None:
    clocks = FakeClocks()
    departure = Departure(clocks.monotonic)
    assert (departure.mode, departure.remaining, departure.patience) == (None, None, None)
    departure.leave("drain", None)
    assert (departure.mode, departure.remaining, departure.patience) == ("drain", None, None)
    departure.leave("drain", 100)
    clocks.advance(10)
    departure.leave("drain", 500)
    assert (departure.mode, departure.remaining, departure.patience) == ("drain", 90, 80)
    departure.leave("stop", 8)
    assert (departure.mode, departure.remaining, departure.patience) == ("stop", 8, 4)
    departure.leave("drain", 1)
    assert (departure.mode, departure.remaining) == ("stop", 1)
    clocks.advance(5)
    assert (departure.remaining, departure.patience) == (0, 0)


def test_patience_ends_where_the_soft_stop_has_to_begin() -> None:
    clocks = FakeClocks()
    departure = Departure(clocks.monotonic)
    departure.leave("drain", 4)
    seen = []
    for _ in range(5):
        seen.append(departure.patience)
        clocks.advance(1)
    assert seen == [2, 1, 0, 0, 0]


async def test_whoever_waits_hears_of_the_end_and_of_a_new_word() -> None:
    departure = Departure(FakeClocks().monotonic)
    work: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    assert await departure.wait_for(work, 0.001) is False
    asyncio.get_running_loop().call_later(0.01, departure.leave, "stop", 1)
    async with asyncio.timeout(5):
        assert await departure.wait_for(work, None) is False
        work.set_result(None)
        assert await departure.wait_for(work, None) is True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await departure.wait_for(asyncio.get_running_loop().create_future(), None)
