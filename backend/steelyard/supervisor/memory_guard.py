"""Carries out what rules.ladder decides, once for each fresh sample of the trees."""

from __future__ import annotations

import asyncio
import logging

from steelyard.rules.ladder import Ladder, next_steps
from steelyard.rules.pressure import Signs
from steelyard.rules.quantities import format_duration
from steelyard.rules.retry import Decision
from steelyard.rules.weighing import Step, Weighed
from steelyard.store import tasks
from steelyard.supervisor import notices
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)


def keep(yard: Yard) -> None:
    """Look at the latest sample, and do what follows. Starts are held while `yard.ladder.holding`."""
    holders = {
        handle.attempt.task_id: handle
        for handle in yard.handles.values()
        if handle.attempt is not None and handle.attempt.outcome is None
    }
    if not holders and not yard.ladder.holding:
        return
    yard.ladder, steps = look(yard, list(holders.values()))
    for step in steps:
        log.warning("memory: %s", step.text)
        if step.kind != "end":
            _tell(yard, step, step.text)
        handle = holders.get(step.task_id or "")
        if handle is not None and handle.attempt is not None:
            _carry_out(yard, handle, handle.attempt, step)


def look(yard: Yard, holders: list[WorkerHandle]) -> tuple[Ladder, list[Step]]:
    """What the rule says of the yard as it was sampled last."""
    now, view = yard.clocks.awake(), yard.scale.view(yard.settings)
    signs = Signs(view.total, view.available, view.guard, view.pressure, view.pressure_halves)
    weighed = [
        _weighed(handle, handle.attempt, now)
        for handle in holders
        if handle.attempt is not None and not handle.attempt.preparing
    ]
    return next_steps(yard.ladder, signs, weighed, now)


def _weighed(handle: WorkerHandle, attempt: RunningAttempt, now: float) -> Weighed:
    return Weighed(
        attempt.task_id,
        attempt.claim,
        handle.task_memory,
        attempt.growth,
        attempt.unsaved(now),
        handle.suspended_by,
        attempt.stop_reason is not None or handle.gone,
        attempt.label or attempt.task_id,
        attempt.peak,
        attempt.reckoned,
    )


def _carry_out(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, step: Step) -> None:
    if step.kind == "end":
        attempt.stop_reason, attempt.ended_by = "memory_guard", step
        fence = {"task_id": attempt.task_id, "attempt": attempt.number}
        handle.send("stop", **fence, reason="memory_guard", grace=step.grace)
        return
    answered = handle.order(step.kind == "suspend", "guard")
    answered.add_done_callback(lambda done: _announce(yard, attempt, done))


def _announce(yard: Yard, attempt: RunningAttempt, done: asyncio.Future[bool | None]) -> None:
    """The tree stands still, or goes on: whoever looks at the task is told."""
    if done.cancelled() or done.result() is None:
        return
    suspended = bool(done.result())
    if suspended:
        attempt.times_suspended += 1
    yard.note(lambda change: tasks.announce(change, attempt.task_id, suspended=suspended))


def _tell(yard: Yard, step: Step, text: str) -> None:
    notices.give(yard, "memory", text, step=step.kind, task_id=step.task_id, **step.figures)


def what_follows(decision: Decision) -> str:
    """What becomes of a task that was ended, as a sentence; true only once it has been decided."""
    return f"{decision.reason[:1].upper()}{decision.reason[1:]}."


def tell_end(yard: Yard, step: Step, decision: Decision) -> None:
    """Say that a task was ended, why, and what becomes of it."""
    _tell(yard, step, f"{step.text} {what_follows(decision)}")


def story(attempt: RunningAttempt) -> str:
    """What the guard did to an attempt, as a part of the evidence of its end; empty if nothing."""
    if not attempt.times_suspended:
        return ""
    times = "once" if attempt.times_suspended == 1 else f"{attempt.times_suspended} times"
    return f"; suspended {times} for want of memory, stood still for {format_duration(attempt.stood_still)}"
