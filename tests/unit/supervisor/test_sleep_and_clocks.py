"""Nothing stalls, times out or is rescued because the machine slept or somebody set its clock."""

from __future__ import annotations

import pytest

from steelyard.rules.states import Cause, TaskState, WorkerState
from steelyard.rules.timestamps import iso, unix
from steelyard.store import events, tasks
from steelyard.store.claims import Outcome
from steelyard.supervisor import dispatch, housekeeping, outcomes, task_views, views, worker_end
from tests.unit.supervisor.making import Made

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SLEEPS = (MINUTE, HOUR, 9 * HOUR, 72 * HOUR)
STEPS = (DAY, -DAY, HOUR, -HOUR)
"""A day either way, and what summer time would do to a clock that is kept in local time."""


@pytest.mark.parametrize("slept", SLEEPS)
async def test_a_sleep_harms_no_run(made: Made, slept: float) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit())
    made.clocks.advance(100)
    worker.heartbeat = attempt.last_sign = made.clocks.awake()
    attempt.progress, attempt.first_progress = 0.5, (0.0, 0.0)
    done_before = views.eta(made.yard, attempt)
    made.clocks.sleep(slept)
    assert worker_end.check(made.yard) == (0, 0)
    [seen] = views.all_workers(made.yard)
    assert (seen["stalled"], seen["dead"], seen["task"]["quiet"]) == (False, False, False)
    done_after = views.eta(made.yard, attempt)
    assert done_before is not None and done_after is not None
    assert unix(done_after) - unix(done_before) == pytest.approx(slept)
    assert attempt.ran_for(made.clocks.awake()) == 100
    row = tasks.row(made.yard.database, attempt.task_id)
    assert row is not None and (row["state"], row["attempt"]) == (TaskState.RUNNING, 1)


@pytest.mark.parametrize("slept", SLEEPS)
async def test_a_worker_that_starts_while_the_machine_sleeps_is_not_late(made: Made, slept: float) -> None:
    worker = await made.worker(WorkerState.STARTING)
    made.clocks.advance(20)
    made.clocks.sleep(slept)
    assert worker_end.check(made.yard) == (0, 0) and worker.fault is None
    made.clocks.advance(11)
    assert worker_end.check(made.yard) == (1, 0)
    assert worker.fault == "it did not start within 30 s"


@pytest.mark.parametrize("slept", SLEEPS)
async def test_a_sleep_is_told_once_and_for_how_long(made: Made, slept: float) -> None:
    keeper = housekeeping.Housekeeper(made.yard)
    made.clocks.sleep(slept)
    for _ in range(3):
        await keeper.keep_house()
        made.clocks.advance(1)
    await made.yard.database.change(lambda change: None)
    found = [event.view() for event in events.since(made.yard.database, 0, 100)]
    told = [one["data"] for one in found if one["kind"] == "prompt"]
    assert [one["seconds"] for one in told] == [slept]
    await keeper.upkeep.end(30)


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_of_the_clock_harms_no_run(made: Made, step: float) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit())
    made.clocks.advance(100)
    worker.heartbeat = attempt.last_sign = made.clocks.awake()
    made.clocks.step_wall(step)
    assert worker_end.check(made.yard) == (0, 0)
    [seen] = views.all_workers(made.yard)
    assert (seen["stalled"], seen["task"]["quiet"], seen["heartbeat_age"]) == (False, False, 0.0)
    made.clocks.advance(20)
    outcome = Outcome(Cause.SUCCEEDED, peak_memory=1, duration=attempt.ran_for(made.clocks.awake()))
    outcomes.finish(made.yard, worker, attempt, outcome)
    await made.yard.database.change(lambda change: None)
    took = made.yard.database.execute("SELECT duration FROM attempt").fetchone()[0]
    assert took == 120
    usual = made.yard.learning.usual("command", {"argv": ["true"]})
    assert usual is not None and usual.duration == 120


@pytest.mark.parametrize("step", STEPS)
async def test_not_before_means_the_clock_as_it_is_set(made: Made, step: float) -> None:
    await made.worker()
    moment = made.clocks.wall() + 2 * HOUR
    task_id = await made.submit(memory="1GiB", not_before=iso(moment))
    made.clocks.step_wall(step)
    assert await dispatch.dispatch(made.yard) == (1 if step >= 2 * HOUR else 0)
    if step < 2 * HOUR:
        assert task_views.one(made.yard, task_id)["waiting_for"].startswith("its time")


@pytest.mark.parametrize("step", STEPS)
async def test_a_retry_does_not_wait_for_a_clock_that_was_set_back(made: Made, step: float) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit(memory="1GiB", attempts=3))
    outcomes.finish(made.yard, worker, attempt, Outcome(Cause.ERROR, exit_code=1))
    await made.yard.database.change(lambda change: None)
    made.clocks.step_wall(step)
    keeper = housekeeping.Housekeeper(made.yard)
    made.clocks.advance(housekeeping.INTERVAL)
    await keeper.keep_house()
    assert await dispatch.dispatch(made.yard) == 1
    await keeper.upkeep.end(30)


async def test_what_the_user_wants_later_is_not_let_go(made: Made) -> None:
    await made.worker()
    await made.submit(memory="1GiB", not_before=iso(made.clocks.wall() + 10 * DAY))
    keeper = housekeeping.Housekeeper(made.yard)
    made.clocks.advance(housekeeping.INTERVAL)
    await keeper.keep_house()
    assert await dispatch.dispatch(made.yard) == 0
    await keeper.upkeep.end(30)
