"""Record how an attempt ended. The outcome goes first and depends on nothing else.

Its result is read before, beside the loop and for so long only; whatever comes of that, the attempt has ended
as it ended. All else follows (see following.py).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from steelyard.machine.beside import beside
from steelyard.rules import retry
from steelyard.rules.errors import StorageFull
from steelyard.rules.retry import Decision, PastAttempt
from steelyard.rules.states import Cause
from steelyard.store import claims, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.store.records import to_json
from steelyard.supervisor import memory_guard, notices, results, shared_leftovers, workspaces
from steelyard.supervisor.following import NOT_COUNTED, Ended, Following
from steelyard.supervisor.guarding import record
from steelyard.supervisor.results import ResultFile
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

RESULT_WITHIN = 5.0
"""Seconds that result.json may take to be read; the outcome does not wait longer for it."""

ALONE = (
    "Only how it ended could be recorded: Steelyard met a fault of its own with the rest, and its log says "
    "which. Its files are all there."
)


def conclude(
    yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, outcome: Outcome, remarks: Sequence[str] = ()
) -> None:
    """Record an end that the agent has told of; of a success the result is read first, beside the loop."""
    attempt.outcome = outcome
    if outcome.cause is not Cause.SUCCEEDED:
        finish(yard, handle, attempt, outcome, remarks)
        return

    def lost(task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            log.error("the end of task %s met a fault of ours", attempt.task_id, exc_info=error)
            finish(yard, handle, attempt, outcome, [*remarks, ALONE])

    loop = asyncio.get_running_loop()
    attempt.ending = loop.create_task(_finish_with_result(yard, handle, attempt, outcome, remarks))
    attempt.ending.add_done_callback(lost)


async def _finish_with_result(
    yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, outcome: Outcome, remarks: Sequence[str]
) -> None:
    """Cancelled, it waits no longer for the result."""
    said = None
    try:
        folder = yard.data.attempt(attempt.task_id, attempt.number) / "output"
        found = await beside(lambda: _readable(results.read_result(folder)), RESULT_WITHIN)
        outcome, said = replace(outcome, result=found.value), found.remark
    except (TimeoutError, asyncio.CancelledError):
        said = f"{results.NAME} could not be read in time; it is among the task's files."
    except Exception as error:
        log.exception("the result of task %s, attempt %d, could not be read", attempt.task_id, attempt.number)
        said = f"Steelyard could not read {results.NAME}: {error}. Its log says more."
    finish(yard, handle, attempt, outcome, [*remarks, said] if said else remarks)


def _readable(found: ResultFile) -> ResultFile:
    """The same, if it can be written to a row; raises what to_json() raises."""
    to_json(found.value)
    return found


def finish(
    yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, outcome: Outcome, remarks: Sequence[str] = ()
) -> None:
    """Record the end of an attempt; its worker is free once that is committed.

    A disk that is full refuses it for now: the attempt keeps its worker, and every turn tries again. An error
    of ours with anything in it leaves the cause and the exit status, which are recorded alone.
    """
    attempt.outcome = outcome
    _Recording(yard, handle, attempt, outcome, remarks).write()


class _Recording:
    """The end of one attempt on its way into the database."""

    def __init__(
        self,
        yard: Yard,
        handle: WorkerHandle,
        attempt: RunningAttempt,
        outcome: Outcome,
        remarks: Sequence[str],
    ) -> None:
        self._yard = yard
        self._handle = handle
        self._attempt = attempt
        self._outcome = outcome
        self._remarks = list(remarks)
        self._plainly = False
        self._rest = Following(yard, attempt)

    def write(self) -> None:
        """Ask for the outcome, and for what follows: changes of one transaction, each undone alone."""
        record(self._yard, self._end, "finish", done=self._done, failed=self._failed, refused=self._refused)
        self._rest.keep(self._handle.worker_id, self._remarks)

    def _end(self, change: Change) -> Ended | None:
        self._rest.ended = None
        self._rest.ended = end_attempt(
            self._yard,
            change,
            self._attempt.task_id,
            self._attempt.number,
            self._handle.worker_id,
            self._outcome,
            plainly=self._plainly,
        )
        return self._rest.ended

    def _done(self, ended: Ended | None) -> None:
        handle, cause, self._rest.recorded = self._handle, self._outcome.cause, True
        if handle.attempt is self._attempt:
            handle.attempt = None
            handle.deny()
        self._yard.hurry()
        handle.leave_if_drained()
        workspaces.over(self._yard, self._attempt, succeeded=cause is Cause.SUCCEEDED)
        shared_leftovers.look(self._yard, self._attempt)
        if ended is not None:
            step = self._attempt.ended_by
            if step is not None and ended.outcome.cause is Cause.MEMORY_GUARD:
                memory_guard.tell_end(self._yard, step, ended.decision)
            self._yard.crashes_in_a_row = 0
            handle.tasks_done += cause is Cause.SUCCEEDED
            handle.tasks_failed += cause not in {Cause.SUCCEEDED, *NOT_COUNTED}

    def _refused(self) -> None:
        self._cannot(logging.ERROR, "the storage takes no changes")

    def _failed(self, error: BaseException) -> None:
        task_id, number = self._attempt.task_id, self._attempt.number
        if not self._plainly:
            log.error("task %s, attempt %d could not be recorded whole", task_id, number, exc_info=error)
            self._plainly, self._outcome = True, at_least(self._outcome)
            self._remarks.append(ALONE)
            self.write()
            return
        if self._cannot(logging.CRITICAL, error):
            name = self._attempt.label or task_id
            text = f"How task {name} ended cannot be recorded ({error}). Steelyard tries again every second."
            notices.give(self._yard, "fault", text, task_id=task_id)

    def _cannot(self, level: int, why: object) -> bool:
        """Try again in a later turn; whether this was the first time."""
        first, self._attempt.refused = not self._attempt.refused, True
        if first:
            task_id, number = self._attempt.task_id, self._attempt.number
            error = why if isinstance(why, BaseException) else None
            log.log(
                level, "task %s, attempt %d is not recorded yet: %s", task_id, number, why, exc_info=error
            )
        self._yard.unrecorded.append(self.write)
        return first


def at_least(outcome: Outcome) -> Outcome:
    """The cause and its evidence, without anything that may be too large, too odd or missing."""
    return Outcome(
        cause=outcome.cause,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        evidence=outcome.evidence,
        started=outcome.started,
    )


def end_attempt(
    yard: Yard,
    change: Change,
    task_id: str,
    number: int,
    worker_id: str,
    outcome: Outcome,
    *,
    plainly: bool = False,
) -> Ended | None:
    """The second half of the fence, and the retry rule, inside a transaction. None: the claim was not held.

    What the user asked for meanwhile comes first: a task that is to be cancelled is not tried again, however
    its attempt ended; only a success that was faster stands. An end that the leaving sidecar brought about
    says nothing against the task. plainly: where the retry rule fails, the cause alone decides.
    """
    row = tasks.row(change, task_id)
    if row is None or (row["attempt"], row["worker_id"]) != (number, worker_id):
        return None
    if row["cancel_requested"] and outcome.cause not in (Cause.SUCCEEDED, Cause.ABORTED):
        outcome = replace(outcome, cause=Cause.CANCELLED)
    outcome = replace(outcome, orderly=outcome.cause is Cause.SIDECAR_LOST and yard.stopping)
    now = yard.clocks.wall()
    try:
        history, decision = _decide(yard, change, row, outcome, now)
    except (StorageFull, sqlite3.Error):
        raise
    except Exception:
        if not plainly:
            raise
        log.exception("what follows from the end of task %s could not be worked out", task_id)
        history, decision = [], retry.by_cause(outcome.cause)
    if outcome.cause is Cause.MEMORY_GUARD:
        outcome = replace(outcome, evidence=f"{outcome.evidence}. {memory_guard.what_follows(decision)}")
    if not claims.finish(change, task_id, number, worker_id, outcome, decision, now):
        return None
    return Ended(row, outcome, history, decision, now)


def _decide(
    yard: Yard, change: Change, row: dict[str, Any], outcome: Outcome, now: float
) -> tuple[list[PastAttempt], Decision]:
    view = yard.scale.view(yard.settings)
    history = claims.history(change, row["id"], ended_now=outcome, now=now)
    decision = retry.decide(
        history,
        max_attempts=row["max_attempts"],
        claim=row["claim"],
        largest_claim=view.total - view.guard,
        rng=yard.rng,
    )
    return history, decision


def give_back_unheld(yard: Yard) -> int:
    """End the attempts that run according to their rows and that no worker holds; how many.

    That is a fault of ours, which must not keep a task RUNNING for ever: it goes back to its old place.
    """
    found = [row for row in claims.open_attempts(yard.database) if not _is_held(yard, row)]
    for row in found:
        task_id, number, worker_id = row["task_id"], row["number"], row["worker_id"]
        log.error("task %s, attempt %d is held by no worker; it is given back", task_id, number)
        outcome = Outcome(Cause.WORKER_LOST, evidence=f"worker {worker_id} does not run it, nor any other")

        def end(change: Change, row: dict[str, Any] = row, outcome: Outcome = outcome) -> object:
            return end_attempt(
                yard, change, row["task_id"], row["number"], row["worker_id"], outcome, plainly=True
            )

        yard.note(end)
    return len(found)


def _is_held(yard: Yard, row: dict[str, Any]) -> bool:
    """Whether a worker holds it, or one has just ended that did: its end gives the task back."""
    handle = yard.handles.get(row["worker_id"])
    if handle is None or handle.gone:
        return handle is not None
    attempt = handle.attempt
    return attempt is not None and (attempt.task_id, attempt.number) == (row["task_id"], row["number"])
