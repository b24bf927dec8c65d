"""The supervisor's turn: a few named calls. It runs when something has happened, and at a beat besides."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from steelyard.supervisor import dispatch, memory_guard, views, worker_end, workers
from steelyard.supervisor.housekeeping import Housekeeper
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

BEAT = 1.0
BEAT_WITH_TASKS = 0.25
"""Seconds between two turns; DESIGN section 3: 4 Hz while tasks run, 1 Hz otherwise."""


class Turns:
    """One turn after the other, until it is cancelled."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._housekeeper = Housekeeper(yard)
        self._queue_said: dict[str, int] | None = None
        self._memory_said = 0.0
        self._trees_weighed = 0.0
        self._tried_again = 0.0

    async def run(self) -> None:
        """For ever. A turn that fails is logged, and the next one goes on."""
        yard = self._yard
        while True:
            busy = any(handle.attempt is not None for handle in yard.handles.values())
            # Not wait_for(): in Python 3.11 it swallows a cancellation that comes in the moment of the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_WITH_TASKS if busy else BEAT):
                    await yard.wake.wait()
            yard.wake.clear()
            try:
                await self._turn()
            except Exception:
                log.exception("a turn failed; the next one goes on")
                await asyncio.sleep(BEAT)

    async def _turn(self) -> None:
        if self._observe():
            memory_guard.keep(self._yard)
        self._record()
        worker_end.check(self._yard)
        await dispatch.dispatch(self._yard)
        await workers.replace(self._yard)
        await self._housekeeper.keep_house()
        self._publish()

    def _observe(self) -> bool:
        """Weigh the machine; the trees only at the beat, for a turn that something caused may follow at
        once. Whether the trees were weighed.
        """
        yard, now = self._yard, self._yard.clocks.awake()
        yard.scale.weigh()
        if now - self._trees_weighed >= 0.8 * BEAT_WITH_TASKS:
            self._trees_weighed = now
            yard.scale.weigh_trees(yard.handles.values(), yard.clocks.wall(), now)
            return True
        return False

    def _record(self) -> None:
        """What could not be written before is tried again, once a second."""
        now = self._yard.clocks.awake()
        if now - self._tried_again < BEAT:
            return
        self._tried_again = now
        again, self._yard.unrecorded = self._yard.unrecorded, []
        for attempt in again:
            attempt()

    def _publish(self) -> None:
        """Queue and memory figures for whoever subscribed: when they have changed, and at the beat."""
        yard = self._yard
        if not yard.feed.has_listeners:
            return
        queue, now = views.queue(yard), yard.clocks.awake()
        if queue != self._queue_said:
            self._queue_said = queue
            yard.feed.say("queue", queue=queue)
        if now - self._memory_said >= BEAT:
            self._memory_said = now
            yard.feed.say("memory", memory=views.memory(yard), workers=views.figures(yard))
