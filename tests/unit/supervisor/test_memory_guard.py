"""What the ladder's steps do to workers, tasks and notices; the memory is made up."""

from __future__ import annotations

import asyncio
from typing import Any

from steelyard.machine.processes import TreeUse
from steelyard.rules.states import TaskState
from steelyard.store import events, tasks
from steelyard.supervisor import attempts, dispatch, memory_guard, progress, task_actions, task_views
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from tests.unit.supervisor.making import GIB, Made

MIB = 2**20


async def running(made: Made, uses: float, growth: float = 0.0, claim: int = 4 * GIB) -> RunningAttempt:
    """A task that uses so many GiB and grows by so many MiB a second."""
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit("solver", memory="4GiB"), claim)
    attempt.pid = 1
    weigh(handle, uses, growth)
    return attempt


def weigh(handle: WorkerHandle, uses: float, growth: float) -> None:
    handle.use = TreeUse(int(uses * GIB), 0.0, 1, 0.0)
    assert handle.attempt is not None
    handle.attempt.growth = growth * MIB
    handle.attempt.peak = max(handle.attempt.peak, int(uses * GIB))


def sent(made: Made) -> list[tuple[str, str]]:
    return [(message["type"], message["task_id"]) for _, message in made.sent if message["type"] != "start"]


def keep(made: Made, available: float) -> None:
    made.machine.available = int(available * GIB)
    made.yard.scale.weigh()
    memory_guard.keep(made.yard)


def handle_of(made: Made, attempt: RunningAttempt) -> WorkerHandle:
    handle = made.yard.holder(attempt.task_id)
    assert handle is not None
    return handle


def answer(made: Made, attempt: RunningAttempt, suspended: bool) -> None:
    attempts.on_suspended(made.yard, handle_of(made, attempt), attempt, {"suspended": suspended})


async def prompts(made: Made) -> list[dict[str, Any]]:
    await made.yard.database.change(lambda change: None)
    found = [event.view() for event in events.since(made.yard.database, 0, 1000)]
    return [one["data"] for one in found if one["kind"] == "prompt"]


async def test_with_room_nothing_is_done(made: Made) -> None:
    await running(made, 3, 500)
    keep(made, 8)
    assert sent(made) == [] and not made.yard.ladder.holding


async def test_below_the_guard_nothing_starts_and_a_task_says_why(made: Made) -> None:
    await running(made, 3)
    await made.worker()
    waits = await made.submit("solver", memory="1GiB")
    keep(made, 1.9)
    assert await dispatch.dispatch(made.yard) == 0
    words = task_views.one(made.yard, waits)["waiting_for"]
    assert words == "memory: 1.9 GiB are free, and 2.0 GiB are kept; no task starts until there is more"
    assert [one["step"] for one in await prompts(made)] == ["hold"]


async def test_growth_is_suspended_once_and_said_with_its_figures(made: Made) -> None:
    leaking, steady = await running(made, 5, 300), await running(made, 3)
    keep(made, 0.9)
    assert sent(made) == [("suspend", leaking.task_id)]
    keep(made, 0.8)  # the agent has not answered yet
    assert sent(made) == [("suspend", leaking.task_id)]
    answer(made, leaking, True)
    said = (await prompts(made))[-1]
    assert (said["step"], said["task_id"], said["uses"]) == ("suspend", leaking.task_id, 5 * GIB)
    assert said["text"].startswith(f"Task {leaking.task_id} is suspended so that the other one can finish")
    assert steady.suspended_by is None
    assert task_views.one(made.yard, leaking.task_id)["suspended"]


async def test_it_goes_on_after_calm_and_its_end_tells_the_story(made: Made) -> None:
    leaking, _ = await running(made, 3, 300), await running(made, 3)
    keep(made, 0.9)
    answer(made, leaking, True)
    handle = handle_of(made, leaking)
    weigh(handle, 3, 0)
    made.clocks.advance(10)
    keep(made, 8)
    made.clocks.advance(3)
    keep(made, 8)
    assert sent(made)[-1] == ("resume", leaking.task_id)
    answer(made, leaking, False)
    assert (leaking.suspended_by, leaking.stood_still, leaking.times_suspended) == (None, 13.0, 0)
    await made.yard.database.change(lambda change: None)
    assert leaking.times_suspended == 1
    made.clocks.advance(7)
    end(made, leaking, exit_code=0)
    assert leaking.ending is not None
    await leaking.ending
    await made.yard.database.change(lambda change: None)
    [past] = task_views.one(made.yard, leaking.task_id)["attempts"]
    assert past["evidence"] == "exit code 0; suspended once for want of memory, stood still for 13 s"
    duration = made.yard.database.execute("SELECT duration FROM attempt WHERE cause = 'succeeded'").fetchone()
    assert duration[0] == 7.0


def end(made: Made, attempt: RunningAttempt, **how: Any) -> None:
    message = {
        "exit_code": None,
        "signal": None,
        "stopped": None,
        "error": None,
        "tail": "",
        "peak_memory": None,
        "cpu_seconds": None,
        **how,
    }
    attempts.on_ended(made.yard, handle_of(made, attempt), attempt, message)


async def test_one_is_ended_and_comes_back_with_a_raised_claim_and_the_reason(made: Made) -> None:
    await running(made, 3)
    made.clocks.advance(600)
    young = await running(made, 4)
    made.clocks.advance(5)
    keep(made, 0.4)
    stops = [message for _, message in made.sent if message["type"] == "stop"]
    assert [(one["task_id"], one["reason"]) for one in stops] == [(young.task_id, "memory_guard")]
    keep(made, 0.4)
    assert len([one for one in sent(made) if one[0] == "stop"]) == 1
    end(made, young, signal=9, stopped="memory_guard")
    await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, young.task_id)
    assert row is not None
    assert (row["state"], row["cause"], row["claim"]) == (TaskState.READY, "memory_guard", 6 * GIB)
    [past] = task_views.one(made.yard, young.task_id)["attempts"]
    assert "was ended to free 4.0 GiB: only 410 MiB were free." in past["evidence"]
    assert "It loses 5 s of work" in past["evidence"] and "SIGKILL" in past["evidence"]


async def test_a_checkpoint_makes_a_run_cheap(made: Made) -> None:
    old = await running(made, 4)
    made.clocks.advance(600)
    await running(made, 4)
    made.clocks.advance(30)
    progress.on_checkpointed(made.yard, handle_of(made, old), old, {})
    made.clocks.advance(1)
    keep(made, 0.4)
    assert sent(made) == [("stop", old.task_id)]


async def test_what_a_person_suspended_stays_so(made: Made) -> None:
    attempt = await running(made, 3)
    suspending = task_actions.suspend(made.yard, attempt.task_id, True)
    task = asyncio.create_task(suspending)
    await made.yard.database.change(lambda change: None)
    answer(made, attempt, True)
    await task
    assert attempt.suspended_by == "user"
    for available in (1.0, 8.0, 8.0):
        made.clocks.advance(10)
        keep(made, available)
    assert sent(made) == [("suspend", attempt.task_id)]


async def test_a_persons_answer_is_not_taken_for_the_guards(made: Made) -> None:
    """The guard suspends, and a person asks for the same before the agent has answered."""
    leaking, _ = await running(made, 5, 300), await running(made, 3)
    keep(made, 0.9)
    handle = handle_of(made, leaking)
    assert [order.by for order in handle.orders] == ["guard"]
    answer(made, leaking, True)
    assert handle.orders == []


async def test_one_that_a_person_resumes_while_the_guard_suspends_it_again_is_the_guards(made: Made) -> None:
    """An order carries who gave it: the answer to the person's must not be taken for one to the guard's."""
    leaking, _ = await running(made, 5, 300), await running(made, 3)
    keep(made, 0.9)
    answer(made, leaking, True)
    resuming = asyncio.create_task(task_actions.suspend(made.yard, leaking.task_id, False))
    await asyncio.sleep(0)
    keep(made, 0.8)
    assert [kind for kind, _ in sent(made)] == ["suspend", "resume", "suspend"]
    answer(made, leaking, False)
    assert await resuming == leaking.task_id
    answer(made, leaking, True)
    assert (leaking.suspended, leaking.suspended_by) == (True, "guard")
    weigh(handle_of(made, leaking), 3, 0)
    for _ in range(4):
        made.clocks.advance(10)
        keep(made, 8)
    assert sent(made)[-1] == ("resume", leaking.task_id)


async def test_an_agent_that_refuses_is_believed(made: Made) -> None:
    leaking, _ = await running(made, 5, 300), await running(made, 3)
    keep(made, 0.9)
    answer(made, leaking, False)
    assert leaking.suspended_by is None and not leaking.suspended


async def test_when_the_last_task_has_ended_starts_are_let_go(made: Made) -> None:
    attempt = await running(made, 3)
    keep(made, 1.0)
    assert made.yard.ladder.holding
    end(made, attempt, exit_code=0)
    await made.yard.database.change(lambda change: None)
    keep(made, 1.0)
    assert not made.yard.ladder.holding
    assert [one["step"] for one in await prompts(made)] == ["hold", "release"]
