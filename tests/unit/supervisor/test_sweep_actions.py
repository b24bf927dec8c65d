"""Sweeps as a whole: their list, their key, and what is done to all tasks of one."""

from __future__ import annotations

import pytest

from steelyard.rules.errors import Conflict, InvalidRequest, NotFound
from steelyard.rules.states import TaskState
from steelyard.store import sweeps, tasks
from steelyard.supervisor import submission, sweep_actions, task_actions
from steelyard.supervisor.submission import SubmittedSweep
from tests.unit.supervisor.making import GIB, Made


async def sweep(made: Made, count: int = 3, **more: object) -> SubmittedSweep:
    """Queue a sweep of so many tasks."""
    rows = [{"argv": ["solver", str(number)]} for number in range(count)]
    return await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows, **more})


async def test_a_page_tells_how_far_each_sweep_is(made: Made) -> None:
    first = await sweep(made, 4, name="paper")
    second = await sweep(made, 2)
    await made.submit()
    handle = await made.worker()
    attempt = await made.attempt(handle, first.task_ids[0])
    attempt.progress = 0.5
    await task_actions.cancel(made.yard, first.task_ids[1])
    page = await sweep_actions.page(made.yard, 1, None)
    assert [one["sweep_id"] for one in page["sweeps"]] == [second.sweep_id]
    page = await sweep_actions.page(made.yard, 1, page["next"])
    assert page == {"sweeps": [sweep_actions.one(made.yard, first.sweep_id)], "next": None}
    assert page["sweeps"][0] == {
        "sweep_id": first.sweep_id,
        "simulation": "command",
        "name": "paper",
        "key": None,
        "queued_at": "2026-01-15T10:30:00.000Z",
        "total": 4,
        "counts": {"READY": 2, "RUNNING": 1, "SUCCEEDED": 0, "FAILED": 0, "CANCELLED": 1},
        "progress": 1.5 / 4,
    }
    with pytest.raises(InvalidRequest, match="no cursor"):
        await sweep_actions.page(made.yard, 1, "x")
    with pytest.raises(NotFound, match="There is no sweep nobody"):
        sweep_actions.one(made.yard, "nobody")


async def test_a_cell_that_is_run_twice_queues_once(made: Made) -> None:
    first = await sweep(made, key="cell 7")
    assert await sweep(made, key="cell 7", priority=5) == first._replace(new=False)
    for other in ({"count": 2}, {"base": {"directory": "/elsewhere"}}):
        with pytest.raises(Conflict, match=f"belongs to sweep {first.sweep_id}, which has another"):
            await sweep(made, key="cell 7", **other)  # type: ignore[arg-type]
    assert (await sweep(made)).new and (await sweep(made)).new
    assert (await sweep_actions.page(made.yard, 9, None))["sweeps"][-1]["total"] == 3


async def test_cancelling_ends_what_waits_before_what_runs(made: Made) -> None:
    found = await sweep(made, sweep_actions.SLICE * 2 + 5)
    other = await made.submit()
    handle = await made.worker()
    await made.attempt(handle, found.task_ids[0], GIB)
    assert await sweep_actions.cancel(made.yard, found.sweep_id) == len(found.task_ids)
    counts = sweep_actions.one(made.yard, found.sweep_id)["counts"]
    assert counts["CANCELLED"] == len(found.task_ids) - 1 and counts["RUNNING"] == 1
    assert [(message, body["reason"]) for _, body in made.sent if (message := body["type"]) == "stop"] == [
        ("stop", "cancelled")
    ]
    assert await sweep_actions.cancel(made.yard, found.sweep_id) == 1, "the one that still runs"
    assert [row["id"] for row in tasks.runnable(made.yard.database, "default", 9)] == [other]
    with pytest.raises(NotFound):
        await sweep_actions.cancel(made.yard, "nobody")


async def test_a_retry_takes_those_in_the_states_that_are_named(made: Made) -> None:
    found = await sweep(made, sweep_actions.SLICE + 3)
    await sweep_actions.cancel(made.yard, found.sweep_id)
    assert await sweep_actions.retry(made.yard, found.sweep_id, [TaskState.FAILED]) == 0
    assert await sweep_actions.retry(made.yard, found.sweep_id) == len(found.task_ids)
    assert sweeps.task_ids(made.yard.database, found.sweep_id, [TaskState.READY]) == found.task_ids
