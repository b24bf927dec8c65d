"""A round of the housekeeper: what is due, and that memory is given back."""

from __future__ import annotations

import pytest

from steelyard.machine import heap
from steelyard.store import backups, events, tasks
from steelyard.store.database import Database
from steelyard.supervisor import attempts, retention, workers
from steelyard.supervisor.housekeeping import INTERVAL, Housekeeper
from steelyard.supervisor.upkeep import Upkeep
from tests.helpers.waiting import eventually_async
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


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (attempts, "note_executable"),
        (tasks, "let_go_overheld"),
        (workers, "cleanup"),
        (events, "prune"),
        (Database, "shrink"),
        (heap, "give_back_memory"),
        (Upkeep, "begin"),
        (Housekeeper, "_note_sleep"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_a_part_that_fails_is_told_and_takes_no_other_along(
    made: Made, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    done: list[str] = []

    def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Upkeep, "begin", lambda upkeep: done.append("upkeep"))
    monkeypatch.setattr(events, "prune", lambda *_: done.append("events"))
    monkeypatch.setattr(heap, "give_back_memory", lambda: done.append("heap"))
    monkeypatch.setattr(owner, name, fails)
    await made.attempt(await made.worker(), await made.submit())
    keeper = Housekeeper(made.yard)
    made.clocks.advance(INTERVAL)
    await keeper.keep_house()
    broken = {"begin": "upkeep", "prune": "events", "give_back_memory": "heap"}.get(name)
    assert done == [one for one in ("upkeep", "events", "heap") if one != broken]
    await made.yard.database.change(lambda change: None)
    prompts = made.yard.database.execute("SELECT data FROM event WHERE kind = 'prompt'").fetchall()
    assert ["a fault of ours" in row["data"] for row in prompts] == [True]


async def test_a_part_of_the_upkeep_that_fails_is_told_and_takes_no_other_along(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[str] = []

    async def prune(yard: object) -> None:
        pruned.append("history")

    def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(backups, "latest", fails)
    monkeypatch.setattr(retention, "prune", prune)
    upkeep = Upkeep(made.yard)
    upkeep.begin()
    await eventually_async(lambda: pruned, within=30)
    await upkeep.end(30)
    await made.yard.database.change(lambda change: None)
    prompts = made.yard.database.execute("SELECT data FROM event WHERE kind = 'prompt'").fetchall()
    assert ["a fault of ours" in row["data"] for row in prompts] == [True]
