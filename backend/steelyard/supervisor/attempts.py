"""What a worker says of its attempt: one handler for each message."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Any

from steelyard.machine import identity
from steelyard.rules.states import Cause
from steelyard.store import claims
from steelyard.store.claims import Outcome
from steelyard.supervisor import memory_guard, outcomes, outputs, progress
from steelyard.supervisor.guarding import safely
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

SIGKILL = 9
PEAK = "reading what a group held"

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


def on_output(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """New output: whoever follows this task's log gets it."""
    attempt.last_sign = yard.clocks.awake()
    attempt.output_size = int(message["size"])
    outputs.push_log(yard, attempt.task_id, attempt.number)


def on_suspended(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The tree stands still, or goes on: the answer to the oldest order that has none."""
    order, now = handle.next_answered(), yard.clocks.awake()
    attempt.suspended = bool(message["suspended"])
    if attempt.suspended:
        # Who gave the order that is answered: whoever gave a later one has no answer yet.
        attempt.suspended_by = order.by if order is not None else attempt.suspended_by
        attempt.suspended_since = now if attempt.suspended_since is None else attempt.suspended_since
    else:
        attempt.suspended_by = None
        if attempt.suspended_since is not None:
            attempt.stood_still += now - attempt.suspended_since
            attempt.suspended_since = None
    if order is not None:
        order.settle(attempt.suspended)


def on_ended(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The attempt is over: the agent says how, and its tree is gone."""
    outcomes.conclude(yard, handle, attempt, _outcome(yard, handle, attempt, message))
    safely(
        f"pushing the last output of task {attempt.task_id}",
        lambda: outputs.push_log(yard, attempt.task_id, attempt.number),
        None,
    )


def _outcome(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> Outcome:
    """What an `ended` message, and all that was seen of the attempt, make of it; without its result."""
    # The kernel's own figure of one process, which misses no spike, has pages of files in it: these are no
    # memory that a run holds.
    attempt.peak = max(attempt.peak, (message["peak_memory"] or 0) - attempt.files)
    attempt.peak = max(attempt.peak, safely(PEAK, lambda: yard.scale.peak_counted(handle, attempt), 0))
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
    if cause is Cause.MEMORY_GUARD and attempt.ended_by is not None:
        evidence = f"{attempt.ended_by.text} ({_exit_in_words(message['exit_code'], message['signal'])})"
    evidence += memory_guard.story(attempt)
    return Outcome(
        cause=cause,
        exit_code=message["exit_code"],
        signal=message["signal"],
        evidence=evidence,
        error_tail="" if cause is Cause.SUCCEEDED else str(message["tail"])[-1000:],
        duration=max(0.0, attempt.ran_for(yard.clocks.awake()) - message.get("lingered", 0.0)),
        peak_memory=attempt.peak or None,
        cpu_seconds=attempt.cpu_seconds or None,
        progress=1.0 if cause is Cause.SUCCEEDED else attempt.progress,
        message=evidence if message["error"] else attempt.message,
        started=not message.get("missing"),
    )


def by_exit_status(message: dict[str, Any]) -> Outcome:
    """What an `ended` message says at the least, whatever else there is in it and about it."""
    code, number = (_whole(message.get(field)) for field in ("exit_code", "signal"))
    error, stopped = message.get("error"), message.get("stopped")
    plain = {
        "exit_code": code,
        "signal": number,
        "error": str(error) if error else None,
        "stopped": stopped if isinstance(stopped, str) else None,
    }
    cause, evidence = verdict(plain)
    return Outcome(cause, code, number, evidence, started=not message.get("missing"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def on_absent(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The agent was told something of an attempt that does not run there.

    It answers in order: had it ever run, its end would have been told before.
    """
    if attempt.outcome is None:
        log.error("task %s, attempt %d, is not where it should run", attempt.task_id, attempt.number)
        evidence = f"worker {handle.worker_id} does not run it, and never said how it ended"
        outcomes.finish(yard, handle, attempt, Outcome(Cause.WORKER_LOST, evidence=evidence))


HANDLERS: dict[str, Callable[[Yard, WorkerHandle, RunningAttempt, dict[str, Any]], None]] = {
    "started": on_started,
    "progress": progress.on_progress,
    "remark": progress.on_remark,
    "checkpointed": progress.on_checkpointed,
    "output": on_output,
    "suspended": on_suspended,
    "absent": on_absent,
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
