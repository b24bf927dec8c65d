"""What the status says of workers at a given moment: stalled, quiet, ages; and limits with idle workers."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from steelyard.machine.processes import TreeUse
from steelyard.rules.errors import ConfirmationRequired, InsufficientMemory
from steelyard.rules.states import Cause, WorkerState
from steelyard.rules.timestamps import iso
from steelyard.store import task_pages
from steelyard.store.claims import Outcome
from steelyard.supervisor import attempts, dispatch, outcomes, progress, startup, task_views, views, workers
from tests.unit.supervisor.making import GIB, Made


@pytest.mark.parametrize(
    ("interval", "silent", "stalled"),
    [
        (1, 179, False),
        (1, 181, True),
        (30, 181, True),
        (120, 359, False),
        (120, 361, True),
        (600, 1801, True),
    ],
)
async def test_stalled_is_three_minutes_or_three_intervals(
    made: Made, interval: float, silent: float, stalled: bool
) -> None:
    worker = await made.worker()
    worker.heartbeat_interval = interval
    made.clocks.advance(silent)
    [seen] = views.all_workers(made.yard)
    assert (seen["stalled"], seen["heartbeat_age"]) == (stalled, silent)
    made.clocks.sleep(9 * 3600)
    assert views.all_workers(made.yard)[0]["heartbeat_age"] == silent
    worker.heartbeat = made.clocks.awake()
    assert views.all_workers(made.yard)[0]["stalled"] is False


async def test_what_an_end_would_lose_is_work_since_the_last_checkpoint(made: Made) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit(memory="1GiB"))

    def seen() -> tuple[str | None, float]:
        [found] = views.all_workers(made.yard)
        task = task_views.one(made.yard, attempt.task_id)
        shown = found["task"]
        assert (task["checkpoint_at"], task["unsaved"]) == (shown["checkpoint_at"], shown["unsaved"])
        return shown["checkpoint_at"], shown["unsaved"]

    made.clocks.advance(600)
    assert seen() == (None, 600)
    saved_at = iso(made.clocks.wall())
    progress.on_checkpointed(made.yard, worker, attempt, {})
    await made.yard.database.change(lambda change: None)
    assert seen() == (saved_at, 0)
    made.clocks.advance(100)
    attempts.on_suspended(made.yard, worker, attempt, {"suspended": True})
    made.clocks.advance(5000)
    attempts.on_suspended(made.yard, worker, attempt, {"suspended": False})
    made.clocks.sleep(9 * 3600)
    made.clocks.step_wall(-86400)
    made.clocks.advance(20)
    assert seen() == (saved_at, 120)
    with pytest.raises(ConfirmationRequired, match="loses 2 min of work, what it did since its last"):
        await workers.abort(made.yard, worker.worker_id, confirm=False)
    outcomes.finish(made.yard, worker, attempt, Outcome(Cause.WORKER_LOST))
    await made.yard.database.change(lambda change: None)
    assert task_views.one(made.yard, attempt.task_id)["unsaved"] is None
    del made.yard.handles[worker.worker_id]
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    made.clocks.advance(7)
    assert seen() == (saved_at, 7)


async def test_a_checkpoint_is_told_at_once(made: Made) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit())
    told: list[dict[str, object]] = []
    made.yard.feed.listen(told.append)
    progress.on_checkpointed(made.yard, worker, attempt, {})
    [message] = [one for one in told if one["type"] == "progress"]
    assert message["checkpoint_at"] == iso(made.clocks.wall())


async def test_a_step_of_the_wall_clock_stalls_nobody_and_moves_no_eta_backwards(made: Made) -> None:
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    made.clocks.advance(100)
    worker.heartbeat = made.clocks.awake()
    attempt.progress, attempt.first_progress = 0.5, (0.0, 0.0)
    for step in (86_400.0, -2 * 86_400.0):
        made.clocks.step_wall(step)
        [seen] = views.all_workers(made.yard)
        assert (seen["stalled"], seen["heartbeat_age"], seen["task"]["quiet"]) == (False, 0.0, False)
        assert attempt.remaining(made.clocks.awake()) == pytest.approx(100)


async def test_quiet_is_half_an_hour_without_a_sign_unless_it_stands_still(made: Made) -> None:
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    worker.heartbeat = None
    made.clocks.advance(30 * 60)
    assert views.all_workers(made.yard)[0]["task"]["quiet"] is False
    made.clocks.advance(1)
    assert views.all_workers(made.yard)[0]["task"]["quiet"] is True
    attempt.suspended = True
    assert views.all_workers(made.yard)[0]["task"]["quiet"] is False
    attempt.suspended, attempt.last_sign = False, made.clocks.awake()
    assert views.all_workers(made.yard)[0]["task"]["quiet"] is False


@pytest.mark.parametrize("state", [WorkerState.RUNNING, WorkerState.DRAINING])
async def test_memory_and_cpu_are_numbers_from_running_on(made: Made, state: WorkerState) -> None:
    """Also before the first sample, and after a drain that came before it."""
    worker = await made.worker()
    worker.state = state
    assert (views.worker(made.yard, worker)["memory"], views.worker(made.yard, worker)["cpu"]) == (0, 0.0)
    worker.use = TreeUse(memory=5 * GIB, cpu=203.44, processes=3, cpu_seconds=9.0)
    seen = views.worker(made.yard, worker)
    assert (seen["memory"], seen["cpu"]) == (5 * GIB, 203.4)
    ended = views.worker(made.yard, worker, state=WorkerState.DEAD, ended=True)
    assert (ended["memory"], ended["cpu"], ended["task"]) == (None, None, None)


async def test_idle_workers_count_with_what_they_are_about_to_take(made: Made) -> None:
    """16 GiB, 12 available, guard 2, peak 8: room for one. The predecessor would have let a second one in."""
    limits = views.limits(made.yard)
    assert (limits["admissible"], limits["active"], limits["can_add"]) == (1, 0, True)
    await made.worker()
    limits = views.limits(made.yard)
    assert (limits["admissible"], limits["active"], limits["can_add"]) == (1, 1, False)
    assert (limits["bound_by"], limits["peak_per_worker"], limits["no_capacity"]) == (
        "memory",
        8 * GIB,
        False,
    )
    with pytest.raises(InsufficientMemory) as refused:
        await workers.add(made.yard, force=False)
    assert refused.value.detail == {"need": 8 * GIB, "headroom": 2 * GIB}


async def test_a_running_task_counts_its_memory_once(made: Made) -> None:
    """Claim 8, of which 6 are in use and so missing from the 12 - 6 available: 2 GiB are still to come."""
    worker, task_id = await made.worker(), await made.submit()
    await made.attempt(worker, task_id, claim=8 * GIB)
    worker.use = TreeUse(memory=6 * GIB, cpu=100.0, processes=2, cpu_seconds=1.0)
    made.machine.available = 6 * GIB
    made.yard.scale.weigh()
    limits = views.limits(made.yard)
    assert (limits["admissible"], limits["can_add"]) == (1, False)
    made.machine.available = 12 * GIB
    made.yard.scale.weigh()
    assert views.limits(made.yard)["admissible"] == 2


async def test_one_more_worker_is_weighed_by_the_smallest_that_waits_and_who_has_no_room_is_named(
    made: Made,
) -> None:
    await made.submit(memory="12GiB")
    await made.submit(memory="1GiB")
    limits = views.limits(made.yard)
    assert (limits["peak_per_worker"], limits["admissible"], limits["bound_by"]) == (GIB, 4, "cap")
    assert (limits["next_claim"], limits["next_fits"]) == (12 * GIB, False)
    question = await startup.question(made.yard)
    assert (question["prompt"], question["need"], question["start_worker"]) == (None, GIB, True)


async def test_whoever_is_refused_a_worker_is_told_what_is_shown_as_the_limit(made: Made) -> None:
    for _ in range(2):
        await made.attempt(await made.worker(), await made.submit(), claim=8 * GIB)
    made.yard.scale.physical_cores = 2
    made.yard.read_settings = lambda: replace(made.yard.settings, worker_cores=2)
    made.yard.settings = made.yard.read_settings()
    limits = views.limits(made.yard)
    assert (limits["active"], limits["admissible"], limits["bound_by"]) == (2, 1, "memory")
    with pytest.raises(InsufficientMemory):
        await workers.add(made.yard, force=False)


async def test_a_page_costs_as_many_statements_however_many_tasks_wait_in_it(made: Made) -> None:
    async def statements() -> int:
        said: list[str] = []
        made.yard.database._connection.set_trace_callback(said.append)
        page = task_views.page(made.yard, {}, 100, None)
        made.yard.database._connection.set_trace_callback(None)
        assert {task["waiting_for"] for task in page["tasks"]} >= {f"task {first}"}
        assert any(task["waiting_for"].startswith("its time: ") for task in page["tasks"])
        return len(said)

    first = await made.submit()
    later = made.clocks.wall() + 3600
    await made.submit(after=[first])
    await made.submit(not_before=iso(later))
    few = await statements()
    for _ in range(10):
        await made.submit(after=[first])
        await made.submit(not_before=iso(later))
    assert await statements() == few


async def test_a_long_page_is_read_beside_the_loop(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    page = task_pages.page

    def noting(*given: Any) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return page(*given)

    monkeypatch.setattr(task_pages, "page", noting)
    task_id = await made.submit()
    for limit in (task_views.SHORT_PAGE, task_views.SHORT_PAGE + 1):
        found = await task_views.find(made.yard, {}, limit, None)
        assert [task["task_id"] for task in found["tasks"]] == [task_id]
        assert found["tasks"][0]["waiting_for"] is not None
    assert [thread == threading.get_ident() for thread in threads] == [True, False]
