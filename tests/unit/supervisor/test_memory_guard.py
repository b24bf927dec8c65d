"""What the ladder's steps do to workers, tasks and notices; the memory is made up."""

from __future__ import annotations

import asyncio
from typing import Any

from steelyard.machine.processes import TreeUse
from steelyard.rules.ladder import FIRST_PATIENCE
from steelyard.rules.states import TaskState
from steelyard.store import events, tasks
from steelyard.supervisor import (
    attempts,
    claiming,
    dispatch,
    memory_guard,
    progress,
    task_actions,
    task_views,
)
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from tests.unit.supervisor.making import GIB, Made

MIB = 2**20


async def running(made: Made, uses: float, growth: float = 0.0, claim: int = 4 * GIB) -> RunningAttempt:
    """A task that uses so many GiB and grows by so many MiB a second."""
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit("solver", memory=str(claim)), claim)
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


async def ended_for_memory(made: Made, uses: float, claim: float) -> tuple[dict[str, Any], str, str]:
    """The row, the evidence and the notice of a task that was ended for want of memory."""
    await running(made, 3)
    made.clocks.advance(600)
    young = await running(made, uses, claim=int(claim * GIB))
    made.clocks.advance(5)
    keep(made, 0.4)
    assert sent(made) == []  # one look may be wrong, and is soon over
    keep(made, 0.4)
    stops = [message for _, message in made.sent if message["type"] == "stop"]
    assert [(one["task_id"], one["reason"]) for one in stops] == [(young.task_id, "memory_guard")]
    keep(made, 0.4)
    assert len([one for one in sent(made) if one[0] == "stop"]) == 1
    # What becomes of it is not known yet, so nothing is said of that.
    assert [one["step"] for one in await prompts(made)] == ["hold"]
    end(made, young, signal=9, stopped="memory_guard")
    await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, young.task_id)
    [past] = task_views.one(made.yard, young.task_id)["attempts"]
    said = (await prompts(made))[-1]
    assert row is not None and (said["step"], said["task_id"]) == ("end", young.task_id)
    return row, past["evidence"], said["text"]


async def test_who_outgrew_its_claim_is_ended_and_comes_back_with_a_larger_one(made: Made) -> None:
    row, evidence, said = await ended_for_memory(made, uses=4, claim=2)
    assert (row["state"], row["cause"], row["claim"]) == (TaskState.READY, "memory_guard", 6 * GIB)
    assert said == (
        f"Task {row['id']} was ended to free 4.0 GiB: only 410 MiB were free, and it used 4.0 GiB, more than "
        "its claim of 2.0 GiB. It loses 5 s of work. It is tried again with 6.0 GiB."
    )
    assert said.split(". It is")[0] in evidence and "SIGKILL" in evidence


async def test_who_kept_to_its_claim_comes_back_as_it_was(made: Made) -> None:
    row, evidence, said = await ended_for_memory(made, uses=4, claim=4)
    assert (row["state"], row["cause"], row["claim"]) == (TaskState.READY, "memory_guard", 4 * GIB)
    assert said == (
        f"Task {row['id']} was ended to free 4.0 GiB: only 410 MiB were free. It loses 5 s of work, the "
        "least that could be lost. It had kept to its claim, so it goes on with the same one, at its old "
        "place."
    )
    assert evidence.endswith("It had kept to its claim, so it goes on with the same one, at its old place.")
    assert row["held_until"] is None and row["position"] == 2


async def test_an_end_that_was_ours_counts_against_neither_task_nor_worker(made: Made) -> None:
    row, _, _ = await ended_for_memory(made, uses=4, claim=4)
    assert [handle.tasks_failed for handle in made.yard.handles.values()] == [0, 0]
    # And a like one is not reckoned with more for it.
    like = await made.submit("solver")
    assert task_views.one(made.yard, like)["memory"]["claim"] == 8 * GIB
    assert task_views.one(made.yard, row["id"])["attempts"][0]["cause"] == "memory_guard"


async def test_a_checkpoint_makes_a_run_cheap(made: Made) -> None:
    old = await running(made, 4)
    made.clocks.advance(600)
    await running(made, 4)
    made.clocks.advance(30)
    progress.on_checkpointed(made.yard, handle_of(made, old), old, {})
    made.clocks.advance(1)
    keep(made, 0.4)
    keep(made, 0.4)
    assert sent(made) == [("stop", old.task_id)]


async def test_a_suspended_task_keeps_what_it_needs_to_go_on(made: Made) -> None:
    outgrown, _ = await running(made, 6, 300, claim=2 * GIB), await running(made, 3)
    keep(made, 0.9)
    before, _ = claiming.room(made.yard)
    answer(made, outgrown, True)
    after, runs = claiming.room(made.yard)
    assert before.headroom - after.headroom == 0  # from the order on, before the answer
    # 0.9 are there and 2 are kept; 1 more for the steady one's claim, and a quarter of what the other uses.
    assert after.headroom == int(0.9 * GIB) - 2 * GIB - GIB - int(1.5 * GIB)
    assert sorted(one.frees for one in runs) == [4 * GIB, int(7.5 * GIB)]


async def test_tasks_start_beside_one_that_stands_still_once_nothing_presses(made: Made) -> None:
    """It needs more than there is, and is given a try after a while; nobody else has to wait for that."""
    outgrown, _ = await running(made, 4, 300, claim=GIB), await running(made, 1, claim=5 * GIB)
    await made.worker()
    waits = await made.submit("solver", memory="256MiB")
    keep(made, 0.9)
    answer(made, outgrown, True)
    weigh(handle_of(made, outgrown), 4, 0)
    keep(made, 6.5)
    assert await dispatch.dispatch(made.yard) == 0
    for _ in range(7):
        made.clocks.advance(FIRST_PATIENCE / 5)
        keep(made, 6.5)
    answer(made, outgrown, False)
    assert await dispatch.dispatch(made.yard) == 1
    assert [step["step"] for step in await prompts(made)] == ["hold", "suspend", "release", "resume"]
    assert task_views.one(made.yard, waits)["state"] == "RUNNING"


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
