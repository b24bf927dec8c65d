"""Requests of thousands of tasks: checked in slices, so that others are served between, and all or none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from steelyard.rules.errors import InvalidParameters, ShuttingDown
from steelyard.settings.simulation import Simulation
from steelyard.store import tasks
from steelyard.supervisor import submission
from tests.unit.supervisor.making import Made

COMMAND = {"simulation": "command", "parameters": {"argv": ["true"]}}
MANY = 4 * submission.SLICE


class Turns:
    """Counts turns of the loop while it is entered."""

    count = 0

    async def __aenter__(self) -> None:
        Turns.count = 0
        self._task = asyncio.create_task(self._counting())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _counting(self) -> None:
        while True:
            Turns.count += 1
            await asyncio.sleep(0)


@pytest.fixture
def checked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For each task that is checked: how many turns of the loop there were before."""
    turns: list[int] = []
    complete = Simulation.complete

    def noted(self: Simulation, parameters: Any) -> dict[str, Any]:
        turns.append(Turns.count)
        return complete(self, parameters)

    monkeypatch.setattr(Simulation, "complete", noted)
    return turns


@pytest.mark.parametrize("as_sweep", [False, True])
async def test_others_are_served_while_thousands_are_checked(
    made: Made, checked_at: list[int], as_sweep: bool
) -> None:
    async with Turns():
        if as_sweep:
            rows = [{"argv": ["run", str(number)]} for number in range(MANY)]
            await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})
        else:
            await submission.submit(made.yard, [COMMAND] * MANY)
    assert len(checked_at) == MANY
    assert max(checked_at.count(turn) for turn in checked_at) == submission.SLICE
    assert tasks.counts(made.yard.database)["READY"] == MANY


async def test_who_shuts_down_while_thousands_are_checked_has_none_of_them_queued(made: Made) -> None:
    submitting = asyncio.create_task(submission.submit(made.yard, [COMMAND] * MANY))
    await asyncio.sleep(0)
    made.yard.stopping = True
    with pytest.raises(ShuttingDown):
        await submitting
    assert tasks.counts(made.yard.database).get("READY", 0) == 0


async def test_one_wrong_task_at_the_end_queues_none(made: Made) -> None:
    wrong = {"simulation": "command", "parameters": {"argv": 5}}
    with pytest.raises(InvalidParameters) as refused:
        await submission.submit(made.yard, [*[COMMAND] * MANY, wrong])
    assert refused.value.detail["task"] == MANY
    assert tasks.counts(made.yard.database).get("READY", 0) == 0
