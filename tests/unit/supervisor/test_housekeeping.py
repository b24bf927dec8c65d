"""A round of the housekeeper: what is due, and that memory is given back after a large batch and not else."""

from __future__ import annotations

import pytest

from steelyard.machine import heap
from steelyard.supervisor import submission
from steelyard.supervisor.housekeeping import INTERVAL, Housekeeper
from tests.unit.supervisor.making import Made

SPEC = {"simulation": "command", "parameters": {"argv": ["true"]}}


async def test_memory_is_given_back_once_after_a_large_batch(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(heap, "give_back_memory", lambda: given.append(1))
    keeper = Housekeeper(made.yard)
    for count, expected in ((10, 0), (submission.LARGE_BATCH, 1), (10, 1)):
        await submission.submit(made.yard, [SPEC] * count)
        made.clocks.advance(INTERVAL)
        await keeper.keep_house()
        assert len(given) == expected
    await keeper.upkeep.end()
