"""What a worker says of its attempt, and what the end of one makes of its task."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from steelyard.machine import identity
from steelyard.rules import retry
from steelyard.rules.retry import Decision
from steelyard.rules.states import Cause, WorkerState
from steelyard.rules.timestamps import iso
from steelyard.store import claims, samples, tasks, workers
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor import launch, memory_guard, outputs, results
from steelyard.supervisor.views import eta
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

NOT_COUNTED = frozenset({Cause.CANCELLED, Cause.SIDECAR_LOST})
"""Ends that are neither done nor failed in the count of a worker: it was the user or we who ended it."""

SIGKILL = 9

STOPPED = {
    "timeout": Cause.TIMEOUT,
    "cancelled": Cause.CANCELLED,
    "aborted": Cause.ABORTED,
    "memory_guard": Cause.MEMORY_GUARD,
    "exit": Cause.SIDECAR_LOST,
}
"""Why the agent ended an attempt -> the cause that is recorded."""


def is_current(handle: WorkerHandle, message: dict[str, Any]) -> bool:
    """The first half of the fence: the message is of the attempt that this worker holds."""
    attempt = handle.attempt
    return attempt is not None and (attempt.task_id, attempt.number) == (
        message["task_id"],
        message["attempt"],
    )


def on_started(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The task process lives: its identity is recorded, so that a later start can end it."""
    attempt.pid, attempt.identity = message["pid"], message["identity"]
    note_executable(yard, handle, attempt)


def note_executable(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt) -> None:
    """Record which process the attempt is, and what it runs now: `env python` is python a moment later."""
    if attempt.pid is None:
        return
    pid, known = attempt.pid, attempt.executable
    attempt.executable = executable = identity.executable_of(pid) or known
    if known is None or executable != known:
        yard.note(
            lambda change: claims.started(
                change, attempt.task_id, attempt.number, handle.worker_id, pid, attempt.identity, executable
            ),
            "note_start",
        )


def on_progress(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """Progress lives in memory; it is saved when the attempt ends."""
    now = yard.clocks.awake()
    attempt.last_sign = now
    fraction = message["fraction"]
    if fraction is None or fraction < (attempt.progress or 0.0):
        # What was said before has turned out to be wrong: a bar that was only the first of several.
        attempt.first_progress = None
    attempt.progress = None if fraction is None else float(fraction)
    if attempt.progress is not None and attempt.first_progress is None:
        attempt.first_progress = (now, attempt.progress)
    if message["message"]:
        attempt.message = str(message["message"])[:500]
    _tell_progress(yard, attempt)


def on_remark(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """Something about its output was not understood: said once, and kept with the attempt."""
    said = [str(message["text"])]
    yard.note(lambda change: claims.remark(change, attempt.task_id, attempt.number, said))


def _tell_progress(yard: Yard, attempt: RunningAttempt) -> None:
    yard.feed.say(
        "progress",
        task_id=attempt.task_id,
        progress=attempt.progress,
        message=attempt.message,
        eta=eta(yard, attempt),
        checkpoint_at=iso(attempt.checkpoint_wall),
    )


def on_checkpointed(
    yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]
) -> None:
    """A new checkpoint is worth a write: it decides whether a retry makes sense."""
    attempt.last_sign = now = yard.clocks.awake()
    attempt.saved, attempt.checkpoint_wall = attempt.ran_for(now), yard.clocks.wall()
    at = attempt.checkpoint_wall
    yard.note(
        lambda change: claims.checkpointed(change, attempt.task_id, attempt.number, at), "note_checkpoint"
    )
    _tell_progress(yard, attempt)


def on_output(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """New output: whoever follows this task's log gets it."""
    attempt.last_sign = yard.clocks.awake()
    attempt.output_size = int(message["size"])
    outputs.push_log(yard, attempt.task_id, attempt.number)


def on_suspended(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The tree stands still, or goes on."""
    now, attempt.suspended = yard.clocks.awake(), bool(message["suspended"])
    if attempt.suspended:
        attempt.suspended_since = now if attempt.suspended_since is None else attempt.suspended_since
    else:
        attempt.suspended_by = None
        if attempt.suspended_since is not None:
            attempt.stood_still += now - attempt.suspended_since
            attempt.suspended_since = None
    handle.confirm(attempt.suspended)


def on_ended(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The attempt is over: the agent says how, and its tree is gone."""
    attempt.peak = max(attempt.peak, message["peak_memory"] or 0)
    if "warm" in message:
        # It shared a process, of which samples know only all that it ever used.
        attempt.cpu_seconds = message["cpu_seconds"] or 0.0
        handle.warm = attempt.simulation if message["warm"] else None
    else:
        attempt.cpu_seconds = max(attempt.cpu_seconds, message["cpu_seconds"] or 0.0)
    # The next attempt may begin before an idle moment is sampled, and must not be charged for this one.
    handle.own_cpu_seconds += attempt.cpu_seconds
    oom = yard.scale.oom_struck() if message["exit_code"] != 0 else None
    cause, evidence = verdict(message, oom, ooms_known=yard.scale.knows_ooms)
    if cause is Cause.MEMORY_GUARD and attempt.because is not None:
        evidence = f"{attempt.because} ({_exit_in_words(message['exit_code'], message['signal'])})"
    evidence += memory_guard.story(attempt)
    outputs.push_log(yard, attempt.task_id, attempt.number)
    result = _result(yard, attempt) if cause is Cause.SUCCEEDED else results.ResultFile()
    finish(
        yard,
        handle,
        attempt,
        Outcome(
            cause=cause,
            exit_code=message["exit_code"],
            signal=message["signal"],
            evidence=evidence,
            error_tail="" if cause is Cause.SUCCEEDED else str(message["tail"])[-1000:],
            duration=attempt.ran_for(yard.clocks.awake()),
            peak_memory=attempt.peak or None,
            cpu_seconds=attempt.cpu_seconds or None,
            progress=1.0 if cause is Cause.SUCCEEDED else attempt.progress,
            message=evidence if message["error"] else attempt.message,
            started=not message.get("missing"),
            result=result.value,
        ),
    )
    if result.remark is not None:
        said = [result.remark]
        yard.note(lambda change: claims.remark(change, attempt.task_id, attempt.number, said))


def _result(yard: Yard, attempt: RunningAttempt) -> results.ResultFile:
    """What result.json holds. Whatever reading it meets, the run has ended and counts as it ended."""
    try:
        return results.read_result(_output(yard, attempt))
    except Exception as error:
        log.exception("the result of task %s, attempt %d, could not be read", attempt.task_id, attempt.number)
        return results.ResultFile(remark=f"Steelyard could not read result.json: {error}. Its log says more.")


HANDLERS: dict[str, Callable[[Yard, WorkerHandle, RunningAttempt, dict[str, Any]], None]] = {
    "started": on_started,
    "progress": on_progress,
    "remark": on_remark,
    "checkpointed": on_checkpointed,
    "output": on_output,
    "suspended": on_suspended,
    "ended": on_ended,
}


def verdict(
    message: dict[str, Any], oom: str | None = None, *, ooms_known: bool = False
) -> tuple[Cause, str]:
    """Cause and evidence of an `ended` message. An exit status that could not be read is never success.

    oom: what shows that the kernel's out-of-memory killer struck just now. A SIGKILL that was not ours is the
    kernel's then; else somebody's, and where the kernel counts its kills, the evidence says that it was not.
    """
    how = _exit_in_words(message["exit_code"], message["signal"])
    if message["error"]:
        return Cause.ERROR, str(message["error"])[:1000]
    if message["stopped"] in STOPPED:
        words = {
            "timeout": "ran into its time limit",
            "cancelled": "was cancelled by the user",
            "aborted": "was aborted with its worker",
            "memory_guard": "was ended to free memory",
            "exit": "was stopped with the program, to be resumed",
        }
        return STOPPED[message["stopped"]], f"{words[message['stopped']]} ({how})"
    if message["exit_code"] == 0:
        return Cause.SUCCEEDED, how
    if message["signal"] == SIGKILL:
        if oom is not None:
            return Cause.KERNEL_OOM, f"{how}, by the kernel for want of memory: {oom}"
        whose = "; the kernel counted no out-of-memory kill, so a person or a program did it"
        return Cause.ERROR, how + (whose if ooms_known else "")
    if oom is not None:
        how += f"; shortly before, {oom}: perhaps a process that it had started was ended"
    return Cause.ERROR, how


def _exit_in_words(exit_code: int | None, number: int | None) -> str:
    if number is not None:
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = "an unnamed signal"
        return f"ended by {name} (signal {number})"
    if exit_code is None:
        return "the exit status could not be read"
    return f"exit code {exit_code}"


def _output(yard: Yard, attempt: RunningAttempt) -> Path:
    return yard.data.attempt(attempt.task_id, attempt.number) / "output"


def finish(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, outcome: Outcome) -> None:
    """Record the end of an attempt; its worker is free once that is committed.

    A disk that is full refuses it for now: the attempt keeps its worker, and every turn tries again.
    """

    def apply(change: Change) -> Decision | None:
        decision = end_attempt(yard, change, attempt.task_id, attempt.number, handle.worker_id, outcome)
        if decision is not None:
            samples.save(change, attempt.task_id, attempt.number, attempt.points)
            if outcome.cause not in NOT_COUNTED:
                workers.count(change, handle.worker_id, succeeded=outcome.cause is Cause.SUCCEEDED)
        return decision

    def record() -> None:
        yard.database.change(apply, "finish").add_done_callback(recorded)

    def recorded(future: asyncio.Future[Decision | None]) -> None:
        if future.cancelled() or future.exception() is not None:
            if not attempt.refused:
                why = "cancelled" if future.cancelled() else future.exception()
                log.error("task %s, attempt %d is not recorded yet: %s", attempt.task_id, attempt.number, why)
            attempt.refused = True
            yard.unrecorded.append(record)
            return
        if handle.attempt is attempt:
            handle.attempt = None
            handle.deny()
        if future.result() is not None:
            yard.crashes_in_a_row = 0
            handle.tasks_done += outcome.cause is Cause.SUCCEEDED
            handle.tasks_failed += outcome.cause not in {Cause.SUCCEEDED, *NOT_COUNTED}
        if handle.state is WorkerState.DRAINING:
            handle.dismiss(launch.STOP_GRACE)
        yard.hurry()

    record()


def end_attempt(
    yard: Yard, change: Change, task_id: str, number: int, worker_id: str, outcome: Outcome
) -> Decision | None:
    """The second half of the fence, and the retry rule, inside a transaction. None: the claim was not held.

    What the user asked for meanwhile comes first: a task that is to be cancelled is not tried again, however
    its attempt ended; only a success that was faster stands. An end that the leaving sidecar brought about
    says nothing against the task.
    """
    row = tasks.row(change, task_id)
    if row is None or (row["attempt"], row["worker_id"]) != (number, worker_id):
        return None
    if row["cancel_requested"] and outcome.cause not in (Cause.SUCCEEDED, Cause.ABORTED):
        outcome = replace(outcome, cause=Cause.CANCELLED)
    outcome = replace(outcome, orderly=outcome.cause is Cause.SIDECAR_LOST and yard.stopping)
    view, now = yard.scale.view(yard.settings), yard.clocks.wall()
    history = claims.history(change, task_id, ended_now=outcome, now=now)
    decision = retry.decide(
        history,
        max_attempts=row["max_attempts"],
        claim=row["claim"],
        largest_claim=view.total - view.guard,
        rng=yard.rng,
    )
    if not claims.finish(change, task_id, number, worker_id, outcome, decision, now):
        return None
    yard.learning.note(change, row, outcome, history, now)
    return decision
