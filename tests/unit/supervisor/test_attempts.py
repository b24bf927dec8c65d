"""What the end of an attempt is called, and what it makes of its task when the user has spoken meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from steelyard.rules.errors import Conflict
from steelyard.rules.states import Cause, TaskState
from steelyard.store import tasks, workers
from steelyard.store.claims import Outcome
from steelyard.supervisor import attempts, outcomes, progress, results, task_actions
from tests.unit.supervisor.making import Made


def ended(**changes: Any) -> dict[str, Any]:
    message = {"exit_code": 0, "signal": None, "stopped": None, "error": None, "tail": "the tail"}
    return {**message, "peak_memory": None, "cpu_seconds": None, "left_over": 0, **changes}


@pytest.mark.parametrize(
    ("message", "cause", "evidence"),
    [
        (ended(), Cause.SUCCEEDED, "exit code 0"),
        (ended(exit_code=7), Cause.ERROR, "exit code 7"),
        (ended(exit_code=None, signal=11), Cause.ERROR, "ended by SIGSEGV (signal 11)"),
        (ended(exit_code=None, signal=63), Cause.ERROR, "ended by an unnamed signal (signal 63)"),
        (ended(exit_code=None), Cause.ERROR, "the exit status could not be read"),
        (ended(exit_code=None, error="no such program"), Cause.ERROR, "no such program"),
        (ended(stopped="timeout"), Cause.TIMEOUT, "ran into its time limit (exit code 0)"),
        (ended(stopped="cancelled", exit_code=1), Cause.CANCELLED, "was cancelled by the user (exit code 1)"),
        (
            ended(stopped="exit"),
            Cause.SIDECAR_LOST,
            "was stopped with the program, to be resumed (exit code 0)",
        ),
        (ended(stopped="memory_guard", exit_code=None, signal=9), Cause.MEMORY_GUARD, "SIGKILL"),
        (ended(stopped="a reason of tomorrow"), Cause.SUCCEEDED, "exit code 0"),
    ],
)
def test_the_cause_and_its_evidence(message: dict[str, Any], cause: Cause, evidence: str) -> None:
    found, words = attempts.verdict(message)
    assert found is cause and evidence in words


OOM = "the machine's count of out-of-memory kills went from 3 to 4"


@pytest.mark.parametrize(
    ("message", "oom", "known", "cause", "evidence"),
    [
        (ended(exit_code=None, signal=9), OOM, True, Cause.KERNEL_OOM, f"for want of memory: {OOM}"),
        (ended(exit_code=None, signal=9), None, True, Cause.ERROR, "a person or a program did it"),
        (ended(exit_code=None, signal=9), None, False, Cause.ERROR, "ended by SIGKILL (signal 9)"),
        (
            ended(exit_code=None, signal=11),
            OOM,
            True,
            Cause.ERROR,
            f"SIGSEGV (signal 11); shortly before, {OOM}",
        ),
        (ended(exit_code=1), OOM, True, Cause.ERROR, "perhaps a process that it had started was ended"),
        (ended(exit_code=0), OOM, True, Cause.SUCCEEDED, "exit code 0"),
        (ended(stopped="timeout", exit_code=None, signal=9), OOM, True, Cause.TIMEOUT, "its time limit"),
    ],
)
def test_whose_sigkill_it_was(
    message: dict[str, Any], oom: str | None, known: bool, cause: Cause, evidence: str
) -> None:
    found, words = attempts.verdict(message, oom, ooms_known=known)
    assert found is cause and evidence in words


@pytest.mark.parametrize(
    ("cause", "state", "recorded"),
    [
        (Cause.ERROR, TaskState.CANCELLED, "cancelled"),
        (Cause.TIMEOUT, TaskState.CANCELLED, "cancelled"),
        (Cause.MEMORY_GUARD, TaskState.CANCELLED, "cancelled"),
        (Cause.WORKER_LOST, TaskState.CANCELLED, "cancelled"),
        (Cause.SIDECAR_LOST, TaskState.CANCELLED, "cancelled"),
        (Cause.CANCELLED, TaskState.CANCELLED, "cancelled"),
        (Cause.SUCCEEDED, TaskState.SUCCEEDED, "succeeded"),
        (Cause.ABORTED, TaskState.FAILED, "aborted"),
    ],
)
async def test_an_acknowledged_cancel_is_never_followed_by_another_attempt(
    made: Made, cause: Cause, state: TaskState, recorded: str
) -> None:
    """Also when the attempt ended by itself in that very moment: an error would otherwise be tried again."""
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    await task_actions.cancel(made.yard, task_id)
    assert [(who, message["type"]) for who, message in made.sent] == [(worker.worker_id, "stop")]
    outcomes.finish(made.yard, worker, attempt, Outcome(cause=cause, evidence="x"))
    await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and (row["state"], row["cause"]) == (state, recorded)
    assert worker.attempt is None


async def test_a_late_finisher_changes_nothing(made: Made) -> None:
    """The fence: the worker was lost, the task runs elsewhere, and then the first attempt reports success."""
    first, second, task_id = await made.worker(), await made.worker(), await made.submit()
    lost = await made.attempt(first, task_id)
    outcomes.finish(made.yard, first, lost, Outcome(cause=Cause.WORKER_LOST))
    await made.yard.database.change(lambda change: None)
    running = await made.attempt(second, task_id)
    outcomes.finish(made.yard, first, lost, Outcome(cause=Cause.SUCCEEDED, result={"wrong": True}))
    await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and (row["state"], row["attempt"], row["worker_id"]) == (
        "RUNNING",
        2,
        second.worker_id,
    )
    counted = workers.row(made.yard.database, first.worker_id)
    assert counted is not None and (counted["tasks_done"], first.tasks_done) == (0, 0)
    assert not attempts.is_current(second, {"task_id": task_id, "attempt": 1})
    assert attempts.is_current(second, {"task_id": task_id, "attempt": running.number})


async def test_a_fault_of_ours_in_reading_the_result_costs_no_run(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(folder: Path) -> results.ResultFile:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(results, "read_result", breaks)
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    attempts.on_ended(made.yard, worker, attempt, ended())
    assert attempt.ending is not None
    await attempt.ending
    await made.yard.database.change(lambda change: None)
    found = tasks.view(made.yard.database, task_id)
    assert found is not None and found["state"] == TaskState.SUCCEEDED
    assert "a fault of ours" in found["attempts"][0]["remarks"][0]
    assert worker.attempt is None


async def test_progress_that_turned_out_to_be_wrong_counts_no_longer(made: Made) -> None:
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)

    def told(fraction: float | None, message: str = "") -> float | None:
        made.clocks.advance(10)
        progress.on_progress(made.yard, worker, attempt, {"fraction": fraction, "message": message})
        return attempt.remaining(made.clocks.awake())

    assert [told(0.1), told(0.5, "at half")] == [None, pytest.approx(0.5 * 10 / 0.4)]
    # That was a bar which others follow.
    assert told(None) is None and attempt.progress is None and attempt.message == "at half"
    assert [told(0.1), told(0.2)] == [None, pytest.approx(0.8 * 10 / 0.1)]
    # A program that had a bar while it loaded, and tells by itself from then on.
    assert [told(0.9), told(0.1), told(0.2)] == [pytest.approx(0.1 * 20 / 0.8), None, pytest.approx(80)]


async def test_what_a_worker_remarks_stands_on_the_task_at_once(made: Made) -> None:
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    for _ in range(2):
        progress.on_remark(made.yard, worker, attempt, {"text": "The pattern is given up."})
    await made.yard.database.change(lambda change: None)
    found = tasks.view(made.yard.database, task_id)
    assert found is not None and found["attempts"][0]["remarks"] == ["The pattern is given up."]


@pytest.mark.parametrize("stopping", [True, False])
async def test_only_a_quit_of_ours_says_nothing_against_a_task(made: Made, stopping: bool) -> None:
    """Six losses in a row without progress are the end, unless it was we who left."""
    task_id = await made.submit()
    made.yard.stopping = stopping
    for _ in range(6):
        worker = await made.worker()
        attempt = await made.attempt(worker, task_id)
        outcomes.finish(made.yard, worker, attempt, Outcome(cause=Cause.SIDECAR_LOST))
        await made.yard.database.change(lambda change: None)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and row["state"] == ("READY" if stopping else "FAILED")


async def test_a_suspend_and_a_resume_at_once_are_answered_each(made: Made) -> None:
    """The agent answers in the order of the orders; the end of the attempt answers all that wait."""
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    attempt.pid = 4321
    suspending = asyncio.create_task(task_actions.suspend(made.yard, task_id, True))
    again = asyncio.create_task(task_actions.suspend(made.yard, task_id, True))
    await asyncio.sleep(0)
    attempts.on_suspended(made.yard, worker, attempt, {"suspended": True})
    assert await suspending == task_id and not again.done()
    outcomes.finish(made.yard, worker, attempt, Outcome(cause=Cause.SUCCEEDED))
    with pytest.raises(Conflict, match="has just ended"):
        await again
