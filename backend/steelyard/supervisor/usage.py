"""Keep what running attempts use, now and then: it would be forgotten if the sidecar died."""

from __future__ import annotations

from steelyard.store import claims, samples
from steelyard.store.database import Change
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.yard import Yard

FIRST, LONGEST = 2.0, 60.0
"""Seconds from the start of an attempt until it is kept first, and between two times at the most."""


def keep(yard: Yard) -> None:
    """Write down peak, CPU time and samples of those attempts for which it is time."""
    if yard.database.condition.trouble is not None:
        return
    now = yard.clocks.awake()
    for handle in yard.handles.values():
        attempt = handle.attempt
        if attempt is None or attempt.outcome is not None or not attempt.points:
            continue
        if now - max(attempt.started, attempt.use_kept) >= _pause(attempt):
            attempt.use_kept = now
            _keep(yard, attempt)


def _pause(attempt: RunningAttempt) -> float:
    """As long as it had run the last time: a short run is written down soon, a long one seldom."""
    return min(LONGEST, max(FIRST, attempt.use_kept - attempt.started))


def _keep(yard: Yard, attempt: RunningAttempt) -> None:
    peak, cpu = attempt.peak, attempt.cpu_seconds
    points = [point for point in attempt.points if point[0] > attempt.kept_until]
    if points:
        attempt.kept_until = points[-1][0]

    def apply(change: Change) -> None:
        if claims.used(change, attempt.task_id, attempt.number, peak, cpu):
            samples.save(change, attempt.task_id, attempt.number, points)

    yard.note(apply)
