"""What runs take is asked seldom: answers stay while nothing new is seen, many come from a thread."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from steelyard.rules.footprint import Experience, Footprint
from steelyard.rules.states import Cause
from steelyard.store import tasks
from steelyard.store.claims import Outcome
from steelyard.supervisor import claiming, dispatch, forecasting, outcomes, submission
from steelyard.supervisor.answers import Answer
from tests.unit.supervisor.making import GIB, Made
from tests.unit.supervisor.test_learning import ran

KNOWN = 40
"""Runs that have ended before: ten per cent of them is more than one."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The threads in which questions were answered, one for each question."""
    threads: list[int] = []
    answer = Experience.of

    def of(self: Experience, parameters: Any) -> Footprint | None:
        threads.append(threading.get_ident())
        return answer(self, parameters)

    monkeypatch.setattr(Experience, "of", of)
    yield threads


def argv(chance: random.Random) -> list[str]:
    """A run that shares no value with another."""
    return ["solver", *(f"--p{number}={chance.random():.6f}" for number in range(4))]


async def know(made: Made, chance: random.Random) -> None:
    """Let KNOWN runs of random values end, none of which was out of the ordinary."""
    await ran(made, *argv(chance), peak=2 * GIB)
    for _ in range(KNOWN - 1):
        await ran(made, *argv(chance), peak=GIB)


async def sweep(made: Made, chance: random.Random, count: int) -> list[str]:
    rows = [{"argv": argv(chance)} for _ in range(count)]
    return (await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})).task_ids


def last(made: Made, task_id: str) -> Answer | None:
    row = tasks.row(made.yard.database, task_id)
    assert row is not None
    return made.yard.learning.last(row)


def is_current(made: Made, task_id: str) -> bool:
    row = tasks.row(made.yard.database, task_id)
    assert row is not None
    return made.yard.learning.is_current(row)


async def test_an_answer_stays_while_the_runs_that_end_say_nothing_new(made: Made, asked: list[int]) -> None:
    chance = random.Random(1)
    await know(made, chance)
    await ran(made, *argv(chance), peak=3 * GIB)
    task_id = await made.submit(*argv(chance))
    asked.clear()
    await ran(made, *argv(chance), peak=GIB)
    assert is_current(made, task_id)
    assert len(asked) <= 1  # what the run itself was expected to take
    for _ in range(KNOWN // 10):
        await ran(made, *argv(chance), peak=GIB)
    assert not is_current(made, task_id)  # the evidence grew by a tenth


@pytest.mark.parametrize("cause, peak", [(Cause.SUCCEEDED, 3 * GIB), (Cause.MEMORY_GUARD, GIB)])
async def test_a_run_that_took_more_than_expected_or_was_ended_for_memory_is_news(
    made: Made, cause: Cause, peak: int
) -> None:
    chance = random.Random(2)
    await know(made, chance)
    task_id = await made.submit(*argv(chance))
    assert is_current(made, task_id)
    await ran(made, *argv(chance), peak=peak, cause=cause)
    assert not is_current(made, task_id)


async def test_a_sweep_of_random_rows_is_looked_up_once_and_in_a_thread(made: Made, asked: list[int]) -> None:
    chance = random.Random(3)
    await know(made, chance)
    made.machine.available = 60 * GIB
    made.yard.scale.weigh()
    ids = await sweep(made, chance, 4 * claiming.GLANCE)
    made.yard.learning._answers.clear()
    asked.clear()
    handle = await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    here = threading.get_ident()
    assert asked.count(here) <= claiming.GLANCE
    assert len(asked) >= len(ids) - claiming.GLANCE

    asked.clear()
    for peak in (GIB, 4 * GIB, GIB):  # the second is news for all of them
        attempt = handle.attempt
        assert attempt is not None
        outcomes.finish(made.yard, handle, attempt, Outcome(Cause.SUCCEEDED, peak_memory=peak, duration=60.0))
        await made.yard.database.change(lambda change: None)
        handle.attempt = None
        assert await dispatch.dispatch(made.yard) == 1
        claimed = handle.attempt
        assert claimed is not None and is_current(made, claimed.task_id)
    assert len(asked) <= 8


async def test_what_waits_for_room_by_an_old_answer_is_asked_about_again(made: Made) -> None:
    chance = random.Random(4)
    await ran(made, "solver", *(f"--p{number}=1" for number in range(4)), peak=8 * GIB)
    ids = await sweep(made, chance, 3 * claiming.GLANCE)
    await made.attempt(await made.worker(), await made.submit(memory="3GiB"), claim=3 * GIB)
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 0  # 8 GiB and a quarter on top do not fit beside it
    before = last(made, ids[0])
    assert before is not None and before.footprint is not None and before.footprint.claim == 10 * GIB
    for _ in range(20):
        await ran(made, *argv(chance), peak=7 * GIB)
    await dispatch.dispatch(made.yard)
    after = last(made, ids[0])
    assert after is not None and after.footprint is not None and after.footprint.claim < 9 * GIB


async def test_a_forecast_of_many_random_rows_asks_in_a_thread_and_only_once(
    made: Made, asked: list[int]
) -> None:
    chance = random.Random(5)
    await know(made, chance)
    await sweep(made, chance, 300)
    made.yard.learning._answers.clear()
    asked.clear()
    found = await forecasting.view(made.yard)
    assert (found["remaining"], found["unknown"]) == (300, 0)
    assert 0 < len(asked) <= forecasting.SAMPLE and threading.get_ident() not in asked
    await ran(made, *argv(chance), peak=GIB)
    asked.clear()
    await forecasting.view(made.yard)
    assert not asked


async def test_the_first_run_of_a_kind_answers_for_all_that_wait(made: Made) -> None:
    chance = random.Random(6)
    await sweep(made, chance, 300)
    assert (await forecasting.view(made.yard))["unknown"] == 300
    await ran(made, *argv(chance), peak=GIB)
    assert (await forecasting.view(made.yard))["unknown"] == 0


async def test_new_evidence_is_prepared_in_a_thread_and_what_runs_is_asked_about_there(
    made: Made, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    await know(made, chance)
    made.machine.available = 60 * GIB
    made.yard.scale.weigh()
    for _ in range(6):
        await made.worker()
    await sweep(made, chance, 6)
    assert await dispatch.dispatch(made.yard) == 6
    prepared: list[int] = []
    prepare = Experience.__init__

    def noting(self: Experience, *given: Any, **named: Any) -> None:
        prepared.append(threading.get_ident())
        prepare(self, *given, **named)

    monkeypatch.setattr(Experience, "__init__", noting)
    await ran(made, *argv(chance), peak=5 * GIB)  # news for all
    asked.clear()
    await dispatch.relearn(made.yard)
    assert len(prepared) == 1 and len(asked) == 7  # each that runs, and one to prepare it
    assert threading.get_ident() not in prepared + asked
    usual = [handle.attempt.usual for handle in made.yard.handles.values() if handle.attempt is not None]
    assert len(usual) == 6 and None not in usual


async def test_many_that_wait_are_looked_up_before_one_starts_and_few_are_asked_at_once(
    made: Made, asked: list[int]
) -> None:
    chance = random.Random(8)
    await know(made, chance)
    for _ in range(claiming.GLANCE - 1):
        await made.submit(*argv(chance))
    made.yard.learning._answers.clear()
    asked.clear()
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    assert len(asked) == claiming.GLANCE - 1 and threading.get_ident() not in asked
