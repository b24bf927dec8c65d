"""A round of the housekeeper: what is due, and that memory is given back."""

from __future__ import annotations

import pytest

from steelyard.machine import heap
from steelyard.store import tasks
from steelyard.supervisor.housekeeping import INTERVAL, Housekeeper
from tests.unit.supervisor.making import Made

SPEC = {"simulation": "command", "parameters": {"argv": ["true"]}}


async def test_each_round_gives_memory_back(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(heap, "give_back_memory", lambda: given.append("heap"))
    monkeypatch.setattr(made.yard.database, "shrink", lambda: given.append("database"))
    keeper = Housekeeper(made.yard)
    await keeper.keep_house()
    assert given == []
    for rounds in (1, 2):
        made.clocks.advance(INTERVAL)
        await keeper.keep_house()
        assert given == ["database", "heap"] * rounds
    await keeper.upkeep.end(30)


async def test_a_round_that_fails_has_begun_the_backups(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    begun: list[str] = []
    monkeypatch.setattr(tasks, "let_go_overheld", fails)
    keeper = Housekeeper(made.yard)
    monkeypatch.setattr(keeper.upkeep, "begin", lambda: begun.append("upkeep"))
    made.clocks.advance(INTERVAL)
    with pytest.raises(RuntimeError):
        await keeper.keep_house()
    assert begun == ["upkeep"]
