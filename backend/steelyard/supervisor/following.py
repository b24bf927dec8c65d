"""What follows the outcome of an attempt: samples, what it teaches, its worker's count, remarks.

Each part is a change of its own, in the transaction of the outcome, and may fail alone: with a word in the
log, and a sentence on the task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steelyard.rules.errors import StorageFull
from steelyard.rules.retry import Decision, PastAttempt
from steelyard.rules.states import Cause
from steelyard.store import claims, samples, stages, workers
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor.guarding import safely
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

NOT_COUNTED = frozenset({Cause.CANCELLED, Cause.SIDECAR_LOST, Cause.MEMORY_GUARD})
"""Ends that are neither done nor failed in the count of a worker: it was the user or we who ended it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt whose end a change has recorded: what follows from it reads this."""

    row: dict[str, Any]
    """The task's, as it was before."""
    outcome: Outcome
    history: list[PastAttempt]
    """Empty where it could not be read."""
    decision: Decision
    now: float


def teach(yard: Yard, change: Change, ended: Ended, attempt: RunningAttempt | None) -> None:
    """Learn from an attempt that has ended; attempt: None where nobody knows any more how it began."""
    if ended.history:
        fingerprint = None if attempt is None else attempt.fingerprint
        yard.learning.note(change, ended.row, ended.outcome, ended.history, ended.now, fingerprint)


@dataclass(eq=False, slots=True)
class Following:
    """What is kept of an attempt besides its outcome, each part in a change of its own."""

    yard: Yard
    attempt: RunningAttempt | None
    ended: Ended | None = None
    """What to follow, as soon as a change has made it; None where the claim was not held."""
    recorded: bool = False
    """Whether that is committed; while it is not, whoever asks for it asks for all of this again."""

    def keep(self, worker_id: str | None = None, remarks: Sequence[str] = ()) -> None:
        """Ask for all of it. worker_id: the worker that counts the end."""
        attempt = self.attempt
        if attempt is not None:
            points = attempt.points
            self._then(
                "What it used over time",
                lambda change, ended: samples.save(change, ended.row["id"], ended.row["attempt"], points),
            )
            self._then("The stages of it", lambda change, ended: self._keep_stages(change, ended, attempt))
        self._then(
            "What it taught about such runs", lambda change, ended: teach(self.yard, change, ended, attempt)
        )
        if worker_id is not None:
            self._then("The count of its worker", lambda change, ended: self._count(change, ended, worker_id))
        if remarks:
            self._then(
                "A remark",
                lambda change, ended: claims.remark(change, ended.row["id"], ended.row["attempt"], remarks),
            )

    def _keep_stages(self, change: Change, ended: Ended, attempt: RunningAttempt) -> None:
        """Later runs are compared with one that succeeded, unless that began at a checkpoint."""
        took = ended.outcome.duration
        if ended.outcome.cause is Cause.SUCCEEDED and took is not None and attempt.parameters is not None:
            stages.save(change, attempt.simulation, attempt.program, attempt.course.ended(took))

    def _count(self, change: Change, ended: Ended, worker_id: str) -> None:
        if ended.outcome.cause not in NOT_COUNTED:
            workers.count(change, worker_id, succeeded=ended.outcome.cause is Cause.SUCCEEDED)

    def _then(self, what: str, apply: Callable[[Change, Ended], object]) -> None:
        """A fault of ours with this part is logged, and told on the task."""

        def follow(change: Change) -> None:
            ended = self.ended
            # The change before may have been undone after it had run: by a commit that failed.
            if ended is not None and claims.has_ended(change, ended.row["id"], ended.row["attempt"]):
                apply(change, ended)

        def ask() -> None:
            self.yard.database.change(follow).add_done_callback(answered)

        def answered(future: asyncio.Future[None]) -> None:
            ended, error = self.ended, None if future.cancelled() else future.exception()
            if ended is None or error is None or not self.recorded:
                return
            if isinstance(error, StorageFull):
                self.yard.unrecorded.append(ask)
                return
            task_id, number = ended.row["id"], ended.row["attempt"]
            log.error("%s (task %s, attempt %d) was not kept", what, task_id, number, exc_info=error)
            sentence = f"{what} could not be kept ({error}); the sidecar's log says more."
            self.yard.note(lambda change: claims.remark(change, task_id, number, [sentence]))

        safely(f"{what} of an attempt that has ended", ask, None)
