"""Claim tasks for idle workers, weighed in the very transaction that claims them, and start them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from steelyard.rules.errors import SteelyardError
from steelyard.rules.states import Cause
from steelyard.store import tasks
from steelyard.store.claims import Outcome
from steelyard.supervisor import claiming, launch, outcomes, watching, workspaces
from steelyard.supervisor.claiming import Claimed, Row
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

ROUNDS = 3
"""Transactions of a turn that claim, with questions looked up between them; the last asks no more."""


async def dispatch(yard: Yard) -> int:
    """Start as many tasks as there are idle workers and room; how many were started."""
    if yard.leaving or yard.pause.by or yard.ladder.holding or yard.database.condition.trouble is not None:
        return 0
    due = tasks.next_due(yard.database)
    if due is not None and due <= yard.clocks.wall():
        await yard.database.change(lambda change: tasks.wake(change, yard.clocks.wall()), "wake")
    queues = {handle.queue for handle in yard.idle()}
    taken = watching.taken(yard)
    if not any(tasks.runnable(yard.database, queue, 1, taken) for queue in queues):
        yard.waiting = {}
        return 0
    if not yard.database.condition.has_room():
        return 0
    await yard.learning.renew()
    started = 0
    for number in range(1, ROUNDS + 1):
        claim = partial(claiming.claim, yard, last=number == ROUNDS)
        found = await yard.database.change(claim, "claim")
        yard.waiting = found.waiting
        _begin(yard, found.claimed)
        started += len(found.claimed)
        if not found.questions:
            break
        await yard.learning.look_up(found.questions)
    if any(one.reason == "other_programs" for one in yard.waiting.values()):
        # Whoever looks at such a task is told which programs those are.
        yard.scale.programs.keep_fresh()
    return started


def _begin(yard: Yard, claimed: Sequence[Claimed]) -> None:
    """Start what was claimed."""
    for handle, attempt, _ in claimed:
        # All of them at once: whatever becomes of the start of one, each has a holder.
        handle.attempt = attempt
    for handle, attempt, row in claimed:
        try:
            _start(yard, handle, attempt, row)
        except Exception as error:
            # It ends this attempt with the reason, and no other.
            outcomes.finish(yard, handle, attempt, _not_started(attempt, error))


async def relearn(yard: Yard) -> None:
    """Let what runs follow what is known by now, and what waits follow those that have been level for long.

    What has ended may tell how long those take that run already.
    """
    attempts = [handle.attempt for handle in yard.handles.values() if handle.attempt is not None]
    rows = {
        attempt.task_id: {"simulation": attempt.simulation, "parameters": attempt.parameters}
        for attempt in attempts
        if attempt.parameters is not None
    }
    await yard.learning.renew()
    await yard.learning.look_up(yard.learning.stale(rows.values()))
    now = yard.clocks.awake()
    levels: dict[str, tuple[Mapping[str, Any], int]] = {}
    for attempt in attempts:
        row = rows.get(attempt.task_id)
        answer = None if row is None else yard.learning.last(row)
        if answer is not None:
            attempt.learn(answer.footprint)
        if attempt.reckon(now) and row is not None:
            levels[attempt.task_id] = row, attempt.peak
    yard.learning.follow(levels)


def _start(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, row: Row) -> None:
    """Lay a claimed task out, and hand it to its worker."""
    if handle.gone or handle.told_to_leave:
        # The worker ended, or was told to, while the claim was committed: its end gives the task back.
        return
    simulation, message = launch.start_message(yard, attempt, row)
    workspaces.begin(yard, handle, attempt, message, simulation, outcomes.finish)


def _not_started(attempt: RunningAttempt, error: Exception) -> Outcome:
    if isinstance(error, SteelyardError):
        started = not isinstance(error, launch.NoPython)
        return Outcome(cause=Cause.ERROR, evidence=error.message, started=started)
    if isinstance(error, OSError):
        return Outcome(cause=Cause.ERROR, evidence=f"its folder could not be made: {error}")
    log.error("task %s, attempt %d could not be started", attempt.task_id, attempt.number, exc_info=error)
    evidence = f"the sidecar could not start it: {type(error).__name__}: {error}; its log says more"
    return Outcome(cause=Cause.ERROR, evidence=evidence)
