"""How far a running attempt is: what its worker tells of it, and who is told. It lives in memory."""

from __future__ import annotations

from typing import Any

from steelyard.rules import stages
from steelyard.rules.timestamps import iso
from steelyard.store import claims
from steelyard.store import stages as stored
from steelyard.supervisor.views import eta
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard


def on_progress(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """The worker says how far it is, or that nobody knows any more."""
    now = yard.clocks.awake()
    attempt.last_sign = now
    fraction = message["fraction"]
    if message.get("stage") is not None:
        fraction = _by_stages(yard, attempt, message["stage"], now, fraction)
    else:
        attempt.done_at = None
    if fraction is None or fraction < (attempt.progress or 0.0):
        # What was said before has turned out to be wrong: a bar that was only the first of several.
        attempt.first_progress = None
    attempt.progress = None if fraction is None else float(fraction)
    if attempt.progress is not None and attempt.first_progress is None:
        attempt.first_progress = (attempt.ran_for(now), attempt.progress)
    if message["message"]:
        attempt.message = str(message["message"])[:500]
    _tell(yard, attempt)


def on_remark(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, message: dict[str, Any]) -> None:
    """Something about its output was not understood: said once, and kept with the attempt."""
    said = [str(message["text"])]
    yard.note(lambda change: claims.remark(change, attempt.task_id, attempt.number, said))


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
    _tell(yard, attempt)


def _by_stages(
    yard: Yard, attempt: RunningAttempt, stage: tuple[int, str, float], now: float, fraction: float | None
) -> float | None:
    """How far the whole is where an earlier run had the same stages; else what the bars alone say."""
    number, title, share = stage
    ran = attempt.ran_for(now)
    if attempt.earlier is None:
        attempt.earlier = stored.of(yard.database, attempt.simulation, attempt.program)
    attempt.course.note(number, title, share, ran)
    known = attempt.course.fraction(attempt.earlier)
    if known is None:
        attempt.done_at = None
        return fraction
    if attempt.done_at is not None:
        known = max(known, attempt.progress or 0.0)
    attempt.done_at = ran + stages.left(known, attempt.earlier, ran)
    return known


def _tell(yard: Yard, attempt: RunningAttempt) -> None:
    yard.feed.say(
        "progress",
        task_id=attempt.task_id,
        progress=attempt.progress,
        message=attempt.message,
        eta=eta(yard, attempt),
        checkpoint_at=iso(attempt.checkpoint_wall),
    )
