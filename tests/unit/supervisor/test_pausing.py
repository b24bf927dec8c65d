"""The queue is paused by a person or by a low battery; what waits hears why, and nothing is said twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from steelyard.rules.battery import MARGIN, Charge
from steelyard.rules.errors import StorageFull
from steelyard.store import events
from steelyard.store import pause as pause_table
from steelyard.supervisor import dispatch, pausing, task_views, views
from tests.unit.supervisor.making import Made


def prompts(made: Made) -> list[tuple[str, str]]:
    """Who, and the first words, of every notice about the queue."""
    found = [one.data for one in events.since(made.yard.database, 0, 1000) if one.kind == "prompt"]
    return [(one["by"], one["text"].split(":")[0].split(",")[0]) for one in found]


def look(made: Made, charge: Charge | None) -> str | None:
    made.machine.charge = charge
    made.clocks.advance(pausing.BATTERY_READ_EVERY)
    pausing.look_at_battery(made.yard)
    return made.yard.pause.by


async def test_paused_nothing_starts_and_resumed_it_does(made: Made) -> None:
    await made.worker()
    running = await made.submit(memory="1GiB")
    assert await dispatch.dispatch(made.yard) == 1
    await made.worker()
    waits = await made.submit(memory="1GiB")
    assert await pausing.pause(made.yard) == "user"
    assert await dispatch.dispatch(made.yard) == 0
    assert task_views.one(made.yard, running)["state"] == "RUNNING"
    assert task_views.one(made.yard, waits)["waiting_for"] == "the queue, which is paused"
    assert views.queue(made.yard)["paused"] == "user"
    assert await pausing.resume(made.yard) is None
    assert await dispatch.dispatch(made.yard) == 1
    assert views.queue(made.yard)["paused"] is None


async def test_a_claim_of_the_same_moment_does_not_start_after_the_answer(made: Made) -> None:
    await made.worker()
    await made.submit(memory="1GiB")
    paused, started = await asyncio.gather(pausing.pause(made.yard), dispatch.dispatch(made.yard))
    assert (paused, started) == ("user", 0)


async def test_each_change_is_told_once(made: Made) -> None:
    for _ in range(2):
        await pausing.pause(made.yard)
    for _ in range(2):
        await pausing.resume(made.yard)
    assert prompts(made) == [("user", "The queue is paused"), ("user", "The queue goes on.")]


async def test_it_is_in_the_database_while_it_lasts(made: Made) -> None:
    await pausing.pause(made.yard)
    assert pause_table.by_person(made.yard.database)
    await pausing.resume(made.yard)
    assert not pause_table.by_person(made.yard.database)


async def test_a_pause_that_the_disk_refuses_is_none(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(pause_table, "note", refuse)
    with pytest.raises(StorageFull):
        await pausing.pause(made.yard)
    assert made.yard.pause.by is None and prompts(made) == []


async def test_a_low_battery_pauses_with_hysteresis(made: Made) -> None:
    await made.worker()
    task_id = await made.submit(memory="1GiB")
    assert look(made, Charge(20, on_mains=False)) is None
    assert look(made, Charge(19, on_mains=False)) == "battery"
    assert await dispatch.dispatch(made.yard) == 0
    assert task_views.one(made.yard, task_id)["waiting_for"].startswith("power: the battery is low")
    assert look(made, Charge(20 + MARGIN - 1, on_mains=False)) == "battery"
    assert look(made, Charge(20 + MARGIN, on_mains=False)) is None
    assert look(made, Charge(5, on_mains=True)) is None
    await made.yard.database.change(lambda change: None)
    assert [by for by, _ in prompts(made)] == ["battery", "battery"]
    assert prompts(made)[0][1] == "The battery is at 19 %"


async def test_a_charged_battery_leaves_a_persons_pause_alone(made: Made) -> None:
    assert look(made, Charge(10, on_mains=False)) == "battery"
    assert await pausing.pause(made.yard) == "user"
    assert look(made, Charge(80, on_mains=True)) == "user"
    assert await pausing.resume(made.yard) is None


async def test_a_person_resumes_on_a_low_battery(made: Made) -> None:
    look(made, Charge(10, on_mains=False))
    assert await pausing.resume(made.yard) is None
    assert look(made, Charge(9, on_mains=False)) is None
    assert look(made, Charge(90, on_mains=True)) is None
    assert look(made, Charge(9, on_mains=False)) == "battery"


async def test_the_preference_decides(made: Made, tmp_path: Path) -> None:
    made.yard.preferences.change({"pause_on_battery_below": 0})
    made.yard.settings = made.yard.read_settings()
    assert look(made, Charge(1, on_mains=False)) is None
    made.yard.preferences.change({"pause_on_battery_below": 50})
    made.yard.settings = made.yard.read_settings()
    assert look(made, Charge(40, on_mains=False)) == "battery"


async def test_the_battery_is_not_read_at_every_turn(made: Made) -> None:
    reads = []
    made.yard.battery = lambda: reads.append(1)  # type: ignore[func-returns-value]
    for _ in range(10):
        pausing.look_at_battery(made.yard)
    assert len(reads) == 1
    made.yard.battery_read = None  # what the desktop program's word does
    pausing.look_at_battery(made.yard)
    assert len(reads) == 2
