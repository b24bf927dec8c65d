"""The way out: workers drain, then stop softly, then for good, as the departure says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from steelyard.rules.errors import SteelyardError
from steelyard.rules.states import WorkerState
from steelyard.supervisor import notices, worker_end, workers
from steelyard.supervisor.guarding import safely
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

LAST_RITES = 1.0
"""Seconds before the deadline for what follows a soft stop: trees end, all is recorded, the server stops."""

LAST_RECORDS = 0.5
"""Seconds that the ends of workers may take to be recorded when all processes are gone."""


def when_lost(yard: Yard, leave: Callable[[str], None]) -> None:
    """Have `leave` called, once, with the reason should a fault of ours be the end of all starting."""

    def lost(why: str) -> None:
        yard.lost = lambda why: None
        text = f"Steelyard met a fault of its own and stopped: {why}. Its log says more."
        safely("giving notice", lambda: notices.give(yard, "fault", text), None)
        leave(why)

    yard.lost = lost


async def drain_all(yard: Yard) -> None:
    """Let every worker finish its task and leave, until the departure is out of patience or in a hurry."""
    for handle in list(yard.handles.values()):
        if handle.state is not WorkerState.DRAINING and not handle.gone:
            try:
                await workers.drain(yard, handle.worker_id)
            except SteelyardError as error:
                log.warning("worker %s is not drained: %s", handle.worker_id, error.message)
    ended = _all_ended(list(yard.handles.values()))
    while yard.departure.mode == "drain":
        patience = yard.departure.patience
        if await yard.departure.wait_for(ended, patience) or (patience is not None and patience <= 0):
            break
    ended.cancel()


async def dismiss_all(yard: Yard) -> None:
    """Tell every agent to leave; what has not left at the deadline is ended with its tree."""
    leaving = list(yard.handles.values())
    for handle in leaving:
        handle.end_reason = handle.end_reason or workers.CLOSED
    ended = _all_ended(leaving)
    while True:
        remaining = yard.departure.remaining or 0.0
        for handle in leaving:
            handle.dismiss(remaining - min(LAST_RITES, remaining / 2))
        if await yard.departure.wait_for(ended, remaining):
            return
        if not yard.departure.remaining:
            break
    for handle in leaving:
        handle.dismissed = True
        worker_end.kill(handle)
        if handle.attempt is not None and handle.attempt.ending is not None:
            # It has ended, and its result takes its time: how it ended is recorded without.
            handle.attempt.ending.cancel()
    done, _ = await asyncio.wait((ended,), timeout=LAST_RECORDS)
    if not done:
        # The disk refuses to take it down: the next start finds the rows and gives the tasks back.
        ended.cancel()
        left = [handle.worker_id for handle in leaving if not handle.ended.is_set()]
        log.error("the end of worker %s could not be recorded", ", ".join(left))


def _all_ended(handles: list[WorkerHandle]) -> asyncio.Future[object]:
    async def all_of_them() -> None:
        for handle in handles:
            await handle.ended.wait()

    return asyncio.ensure_future(all_of_them())
