"""Which task goes to which worker, and what is said of those that wait."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest

from steelyard.rules.states import WorkerState
from steelyard.store import tasks
from steelyard.supervisor import behind, claiming, dispatch, launch, submission, task_views
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import GIB, Made
from tests.unit.supervisor.test_learning import ran


async def started(made: Made) -> list[tuple[str, str]]:
    """Worker and task of each start, once what comes before them is done."""
    await asyncio.gather(*made.yard.errands)
    return [(worker, message["task_id"]) for worker, message in made.sent if message["type"] == "start"]


def waiting_for(made: Made, task_id: str) -> Any:
    return task_views.one(made.yard, task_id)["waiting_for"]


async def test_the_longest_lived_idle_worker_takes_the_first_task(made: Made) -> None:
    first = await made.worker()
    made.clocks.advance(1)
    second = await made.worker()
    one, two, three = [await made.submit(memory="1GiB") for _ in range(3)]
    assert await dispatch.dispatch(made.yard) == 2
    assert set(await started(made)) == {(first.worker_id, one), (second.worker_id, two)}
    assert waiting_for(made, three) == "a free worker: each one has a task"
    assert waiting_for(made, one) is None
    assert await dispatch.dispatch(made.yard) == 0


async def test_a_worker_takes_only_from_its_own_queue(made: Made) -> None:
    await made.worker(queue="night")
    day, night = await made.submit(memory="1GiB"), await made.submit(memory="1GiB", queue="night")
    assert await dispatch.dispatch(made.yard) == 1
    assert [task for _, task in await started(made)] == [night]
    assert waiting_for(made, day) == 'a worker: none serves the queue "default"'


async def test_what_fits_starts_and_the_rest_hears_why_not(made: Made) -> None:
    """10 GiB of headroom: 6 are taken by the first, so 6 more do not fit, 3 do."""
    for _ in range(3):
        await made.worker()
    large, larger, small = [await made.submit(memory=size) for size in ("6GiB", "6GiB", "3GiB")]
    assert await dispatch.dispatch(made.yard) == 2
    assert {task for _, task in await started(made)} == {large, small}
    assert waiting_for(made, larger).startswith(
        "needs 6.0 GiB, 4.0 GiB are free"
    ) or "1.0 GiB" in waiting_for(made, larger)
    # Nothing has changed: the answer is the same between two turns as during one.
    assert await dispatch.dispatch(made.yard) == 0
    assert waiting_for(made, larger).startswith("needs 6.0 GiB")


async def test_a_claim_that_is_only_the_default_starts_when_nothing_else_runs(made: Made) -> None:
    made.machine.available = 5 * GIB
    made.yard.scale.weigh()
    await made.worker()
    await made.worker()
    first, second = await made.submit(), await made.submit()
    assert await dispatch.dispatch(made.yard) == 1
    assert [task for _, task in await started(made)] == [first]
    assert "needs 8.0 GiB" in waiting_for(made, second)


async def test_what_has_just_succeeded_starts_again_though_its_margin_does_not_fit(made: Made) -> None:
    """10 GiB of headroom, a run that took 9: with a quarter on top the next one would wait for ever."""
    await ran(made, "solver", peak=9 * GIB)
    made.yard.handles.clear()
    await made.worker()
    again = await made.submit("solver")
    assert task_views.one(made.yard, again)["memory"]["claim"] > 10 * GIB
    assert await dispatch.dispatch(made.yard) == 1
    # Beside one that runs, too: its peak fits there, its margin would not even fit alone.
    made.yard.handles.clear()
    handle = await made.worker()
    await made.attempt(handle, await made.submit(memory="1GiB"), claim=GIB // 2)
    await made.worker()
    again = await made.submit("solver")
    assert await dispatch.dispatch(made.yard) == 1
    assert (await started(made))[-1][1] == again


async def test_nobody_starts_on_the_way_out(made: Made) -> None:
    await made.worker()
    task_id = await made.submit(memory="1GiB")
    made.yard.departure.leave("drain", None)
    assert await dispatch.dispatch(made.yard) == 0
    assert waiting_for(made, task_id) == "the next start: Steelyard is shutting down"


async def test_what_a_task_waits_for_while_its_worker_starts_or_leaves(made: Made) -> None:
    worker = await made.worker(WorkerState.STARTING)
    task_id = await made.submit(memory="1GiB")
    assert waiting_for(made, task_id) == "a worker that is starting"
    worker.leaving = True
    assert waiting_for(made, task_id) == 'a worker: none serves the queue "default"'


async def test_a_folder_that_cannot_be_made_ends_the_attempt_in_words(made: Made) -> None:
    worker = await made.worker()
    shutil.rmtree(made.yard.data.tasks)
    made.yard.data.tasks.write_text("in the way")
    task_id = await made.submit(memory="1GiB", attempts=1)
    assert await dispatch.dispatch(made.yard) == 1
    await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and (row["state"], row["cause"]) == ("FAILED", "error")
    [attempt] = task_views.one(made.yard, task_id)["attempts"]
    assert "folder could not be made" in attempt["evidence"]
    assert worker.attempt is None and await started(made) == []


async def test_a_worker_that_went_while_its_task_was_claimed_is_sent_nothing(made: Made) -> None:
    worker = await made.worker()
    await made.submit(memory="1GiB")
    claiming = dispatch.dispatch(made.yard)
    made.yard.database.change(lambda change: worker.dismiss(0.0))
    await claiming
    assert await started(made) == []


async def test_a_drain_in_the_moment_of_a_claim_lets_that_task_run_first(made: Made) -> None:
    """Left alone, the task would be RUNNING on a worker that neither runs it nor leaves."""
    worker = await made.worker()
    task_id = await made.submit(memory="1GiB")
    claiming = asyncio.create_task(dispatch.dispatch(made.yard))
    await eventually_async(lambda: tasks.row(made.yard.database, task_id)["state"] == "RUNNING", every=0)  # type: ignore[index]
    worker.leaving = True
    await claiming
    assert await started(made) == [(worker.worker_id, task_id)]


async def test_a_fault_of_ours_ends_one_start_with_the_reason_and_the_others_start(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await made.worker(), await made.worker()
    one, other = [await made.submit(memory="1GiB", attempts=1) for _ in range(2)]
    works = launch.start_message

    def breaks_once(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(launch, "start_message", works)
        raise ValueError("a number of 5,000 digits")

    monkeypatch.setattr(launch, "start_message", breaks_once)
    assert await dispatch.dispatch(made.yard) == 2
    await made.yard.database.change(lambda change: None)
    assert await started(made) == [(second.worker_id, other)] and first.attempt is None
    found = task_views.one(made.yard, one)
    assert found["state"] == "FAILED"
    assert "could not start it: ValueError: a number of 5,000 digits" in found["attempts"][0]["evidence"]


async def many(made: Made, count: int, memory: str | None, **more: Any) -> None:
    """Tasks of one submission, each of another program."""
    size = {} if memory is None else {"memory": memory}
    specs = [
        {"simulation": "command", "parameters": {"argv": ["large", str(n)]}, **size, **more}
        for n in range(count)
    ]
    await submission.submit(made.yard, specs)


@pytest.mark.parametrize("ordered", [None, False, True], ids=["a batch", "a sweep", "an ordered sweep"])
async def test_what_cannot_start_never_hides_what_can(made: Made, ordered: bool | None) -> None:
    """However many stand before it: other programs have what they need."""
    await made.worker()
    await made.worker()
    if ordered is None:
        await many(made, claiming.WINDOW + 20, "13GiB")
    else:
        rows = [{"argv": ["large", str(n)]} for n in range(claiming.WINDOW + 20)]
        spec = {"simulation": "command", "rows": rows, "memory": "13GiB", "ordered": ordered}
        await submission.submit_sweep(made.yard, spec)
    wide = await made.submit(memory="1GiB")
    await made.yard.database.change(
        lambda change: change.execute("UPDATE task SET cores = 9 WHERE id = ?", (wide,))
    )
    small, smaller = await made.submit(memory="2GiB"), await made.submit(memory="1GiB", priority=-5)
    # More cores than there are means all of them, and those are free.
    assert await dispatch.dispatch(made.yard) == 1
    assert [task for _, task in await started(made)] == [wide]
    await made.worker()
    for handle in made.yard.handles.values():
        if handle.attempt is not None:
            handle.attempt.cores = 6
    assert await dispatch.dispatch(made.yard) == 2
    assert {task for _, task in await started(made)} == {wide, small, smaller}


async def test_what_is_behind_does_not_take_the_room_that_is_held_for_the_head(made: Made) -> None:
    for _ in range(3):
        await made.worker()
    first = await made.submit(memory="4GiB")
    assert await dispatch.dispatch(made.yard) == 1
    await many(made, claiming.WINDOW + 20, "9GiB")
    await made.yard.database.change(
        lambda change: change.execute("UPDATE task SET passes = 2 WHERE id <> ?", (first,))
    )
    too_large, fits_beside = await made.submit(memory="2GiB"), await made.submit(memory="1GiB")
    assert await dispatch.dispatch(made.yard) == 1
    assert {task for _, task in await started(made)} == {first, fits_beside}
    assert task_views.one(made.yard, too_large)["state"] == "READY"


async def test_claims_behind_the_window_follow_what_was_learned_before_they_hide_anything(made: Made) -> None:
    """Queued when nothing was known, at 8 GiB each; since then such runs were seen to take 1 GiB."""
    made.machine.available = 9 * GIB
    made.yard.scale.weigh()
    await made.worker()
    await made.submit(memory="4GiB")
    assert await dispatch.dispatch(made.yard) == 1
    rows = [{"argv": ["solver", str(n)]} for n in range(behind.STRETCH + 5)]
    sweep = await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows, "priority": -1})
    await many(made, claiming.WINDOW + 20, "8GiB")
    await ran(made, "solver", "2.5", peak=GIB)
    await made.worker()
    for _ in range(3):
        if await dispatch.dispatch(made.yard):
            break
    assert {task for _, task in await started(made)} & set(sweep.task_ids)


async def test_where_priorities_grow_nothing_waits_for_ever_behind_what_is_more_urgent(made: Made) -> None:
    await made.worker()
    old = await made.submit(memory="1GiB")
    made.clocks.advance(7200)
    urgent = await made.submit(memory="1GiB", priority=1)
    assert [row["id"] for row in tasks.runnable(made.yard.database, "default", 2)] == [urgent, old]
    made.yard.preferences.change({"priority_gain_after": "1h"})
    made.yard.settings = made.yard.read_settings()
    assert await dispatch.dispatch(made.yard) == 1
    assert [task for _, task in await started(made)] == [old]
