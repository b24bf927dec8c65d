"""How an attempt ended is recorded whatever else fails; a RUNNING task that nobody runs goes back."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from steelyard.rules.errors import StorageFull
from steelyard.store import claims, samples, tasks, workers
from steelyard.supervisor import attempts, leaving, outcomes, results, task_actions, task_views, worker_end
from steelyard.supervisor.turn import Turns
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from tests.unit.supervisor.making import Made
from tests.unit.supervisor.test_attempts import ended


async def running(made: Made, **more: Any) -> tuple[WorkerHandle, RunningAttempt]:
    worker = await made.worker()
    return worker, await made.attempt(worker, await made.submit(memory="1GiB", **more))


async def settle(made: Made, attempt: RunningAttempt) -> dict[str, Any]:
    """The task, once nothing that was asked for waits any more."""
    if attempt.ending is not None:
        await asyncio.wait((attempt.ending,))
    for _ in range(3):
        await made.yard.database.change(lambda change: None)
    return task_views.one(made.yard, attempt.task_id)


def breaks(*_: Any, **__: Any) -> Any:
    raise ValueError("a fault of ours")


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        (samples, "save", "What it used over time"),
        (workers, "count", "The count of its worker"),
    ],
)
async def test_what_follows_an_outcome_fails_alone_and_the_task_says_so(
    made: Made, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, what: str
) -> None:
    worker, attempt = await running(made)
    folder = made.yard.data.attempt(attempt.task_id, 1) / "output"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"cost": 7}))
    monkeypatch.setattr(module, name, breaks)
    attempts.on_ended(made.yard, worker, attempt, ended())
    found = await settle(made, attempt)
    assert (found["state"], found["result"]) == ("SUCCEEDED", {"cost": 7})
    [remark] = found["attempts"][0]["remarks"]
    assert remark == f"{what} could not be kept (a fault of ours); the sidecar's log says more."
    assert worker.attempt is None


async def test_a_retry_rule_that_fails_leaves_the_cause_to_decide(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "history", breaks)
    states = []
    for message in (ended(), ended(exit_code=3), ended(stopped="exit")):
        worker, attempt = await running(made, attempts=3)
        attempts.on_ended(made.yard, worker, attempt, message)
        found = await settle(made, attempt)
        assert outcomes.ALONE in found["attempts"][0]["remarks"]
        states.append((found["state"], found["attempts"][0]["exit_code"]))
    assert states == [("SUCCEEDED", 0), ("FAILED", 3), ("READY", 0)]


async def test_a_result_that_cannot_be_read_in_time_costs_only_itself(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network drive that hangs: nobody waits for it, the loop least of all."""
    go = threading.Event()

    def hangs(folder: Path) -> results.ResultFile:
        go.wait(60)
        return results.ResultFile({"late": True})

    monkeypatch.setattr(results, "read_result", hangs)
    monkeypatch.setattr(outcomes, "RESULT_WITHIN", 0.01)
    worker, attempt = await running(made)
    attempts.on_ended(made.yard, worker, attempt, ended())
    found = await settle(made, attempt)
    go.set()
    assert (found["state"], found["result"]) == ("SUCCEEDED", None)
    assert found["attempts"][0]["remarks"] == [
        "result.json could not be read in time; it is among the task's files."
    ]


async def test_a_worker_that_goes_while_a_result_is_read_does_not_take_the_outcome_along(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def hangs(folder: Path) -> results.ResultFile:
        go.wait(60)
        return results.ResultFile()

    monkeypatch.setattr(results, "read_result", hangs)
    monkeypatch.setattr(worker_end, "sweep", lambda yard: None)
    worker, attempt = await running(made)
    attempts.on_ended(made.yard, worker, attempt, ended())
    worker.gone = True
    worker_end.on_end(made.yard, worker)
    await worker.ended.wait()
    assert tasks.row(made.yard.database, attempt.task_id)["state"] == "SUCCEEDED"  # type: ignore[index]
    go.set()
    await settle(made, attempt)


async def test_what_waits_for_a_result_is_recorded_when_the_way_out_is_short(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def hangs(folder: Path) -> results.ResultFile:
        go.wait(60)
        return results.ResultFile()

    monkeypatch.setattr(results, "read_result", hangs)
    monkeypatch.setattr(leaving, "LAST_RECORDS", 0.05)
    worker, attempt = await running(made)
    attempts.on_ended(made.yard, worker, attempt, ended())
    made.yard.departure.leave("stop", 0.0)
    await leaving.dismiss_all(made.yard)
    found = await settle(made, attempt)
    go.set()
    assert found["state"] == "SUCCEEDED"


async def test_a_full_disk_delays_an_outcome_with_all_that_follows_and_doubles_nothing(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise StorageFull("The disk is full.", reason="full")

    worker, attempt = await running(made)
    attempt.note_sample(1.0, 1.0, 5, 0.0, 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(claims, "finish", refused)
        attempts.on_ended(made.yard, worker, attempt, ended(exit_code=1))
        assert (await settle(made, attempt))["state"] == "RUNNING"
        assert worker.attempt is attempt and attempt.refused
    again, made.yard.unrecorded = made.yard.unrecorded, []
    for write in again:
        write()
    found = await settle(made, attempt)
    assert (found["state"], made.yard.unrecorded, worker.tasks_failed) == ("READY", [], 1)
    row = workers.row(made.yard.database, worker.worker_id)
    assert row is not None and row["tasks_failed"] == 1
    assert len(samples.read(made.yard.database, attempt.task_id)) == 1


async def test_a_running_task_that_no_worker_holds_goes_back_in_the_next_turn(made: Made) -> None:
    worker, attempt = await running(made)
    turns = Turns(made.yard)
    await turns._turn()
    assert worker.attempt is attempt
    made.yard.pause.person = True
    worker.attempt = None
    await turns._turn()
    found = await settle(made, attempt)
    assert (found["state"], found["attempts"][0]["cause"]) == ("READY", "worker_lost")
    assert found["attempts"][0]["evidence"] == f"worker {worker.worker_id} does not run it, nor any other"


async def test_a_cancel_of_what_its_agent_does_not_run_ends_it(made: Made) -> None:
    worker, attempt = await running(made)
    await task_actions.cancel(made.yard, attempt.task_id)
    attempts.on_absent(made.yard, worker, attempt, {})
    found = await settle(made, attempt)
    assert (found["state"], found["cause"]) == ("CANCELLED", "cancelled")
    assert worker.attempt is None


async def test_an_agent_that_no_longer_runs_what_has_just_ended_changes_nothing(made: Made) -> None:
    worker, attempt = await running(made)
    attempts.on_ended(made.yard, worker, attempt, ended())
    attempts.on_absent(made.yard, worker, attempt, {})
    assert (await settle(made, attempt))["state"] == "SUCCEEDED"
