"""The supervisor's turn: a few named calls. It runs when something has happened, and at a beat besides."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3

from steelyard.rules.errors import StorageFull
from steelyard.rules.quantities import format_duration
from steelyard.store import faults, tasks
from steelyard.store.condition import Trouble
from steelyard.supervisor import (
    dispatch,
    memory_guard,
    notices,
    outcomes,
    pausing,
    views,
    worker_end,
    workers,
)
from steelyard.supervisor.housekeeping import Housekeeper
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

BEAT = 1.0
CLOSEST = 0.05
"""Seconds between two samples of the trees, however much happens."""
BEAT_WITH_TASKS = 0.25
"""Seconds between two turns; DESIGN section 3: 4 Hz while tasks run, 1 Hz otherwise."""


class Turns:
    """One turn after the other, until it is cancelled."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._housekeeper = Housekeeper(yard)
        self.upkeep = self._housekeeper.upkeep
        """Backups and history that goes."""
        self._queue_said: views.View | None = None
        self._memory_said = 0.0
        self._beat = 0.0
        self._trees_weighed = 0.0
        self._tried_again = 0.0
        self._trouble: Trouble | None = None
        self._patience = BEAT
        """Seconds until the next turn at the latest."""

    async def run(self) -> None:
        """For ever. A turn that fails is logged, and the next one goes on."""
        yard = self._yard
        while True:
            # Not wait_for(): in Python 3.11 it swallows a cancellation that comes in the moment of the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await yard.wake.wait()
            yard.wake.clear()
            self._patience = BEAT
            try:
                await self._turn()
            except (StorageFull, sqlite3.Error) as error:
                self._met(error)
                await asyncio.sleep(BEAT)
            except Exception:
                log.exception("a turn failed; the next one goes on")
                await asyncio.sleep(BEAT)
            self._tell_when_over()

    def _met(self, error: StorageFull | sqlite3.Error) -> None:
        """What the disk refuses, the database's condition tells once; the rest is a fault of ours."""
        self._yard.database.condition.met(error)
        if isinstance(error, sqlite3.Error) and faults.kind_of(error) is faults.Kind.OURS:
            log.error("a turn failed; the next one goes on", exc_info=error)

    def _tell_when_over(self) -> None:
        """Once the database takes changes again, whoever was not there can read that it did not."""
        trouble, self._trouble = self._trouble, self._yard.database.condition.trouble
        if trouble is not None and self._trouble is None:
            lasted = self._yard.clocks.wall() - trouble.since
            text = f"{trouble.over} (for {format_duration(max(0.0, lasted))}); nothing was lost."
            notices.give(self._yard, "storage", text, state=trouble.kind.value, seconds=round(lasted, 1))

    async def _turn(self) -> None:
        if self._observe():
            memory_guard.keep(self._yard)
        self._record()
        pausing.look_at_battery(self._yard)
        worker_end.check(self._yard)
        outcomes.give_back_unheld(self._yard)
        dispatch.relearn(self._yard)
        await dispatch.dispatch(self._yard)
        await workers.make_good(self._yard)
        await self._housekeeper.keep_house()
        self._publish()
        self._patience = self._until_next()

    def _until_next(self) -> float:
        """A beat, or less: a task that waits for its moment is not to wait for the beat after it."""
        yard = self._yard
        beat = BEAT_WITH_TASKS if any(handle.attempt for handle in yard.handles.values()) else BEAT
        due = tasks.next_due(yard.database)
        left = beat if due is None else due - yard.clocks.wall()
        # What is due already was left alone, while the queue is paused or the disk is full: that lasts.
        return min(beat, left) if left > 0 else beat

    def _observe(self) -> bool:
        """Weigh the machine, and the trees at the beat; whether it was the beat.

        Between two beats the trees are weighed when a worker is free: the growth that is held back for a
        task shrinks as it grows, and what was held for it by an old sample would keep the next one waiting.
        """
        yard, now = self._yard, self._yard.clocks.awake()
        yard.scale.weigh()
        beat = now - self._beat >= 0.8 * BEAT_WITH_TASKS
        if beat or (now - self._trees_weighed >= CLOSEST and yard.idle()):
            self._trees_weighed = now
            yard.scale.weigh_trees(yard.handles.values(), yard.clocks.wall(), now)
        if beat:
            self._beat = now
        return beat

    def _record(self) -> None:
        """What could not be written before is tried again, once a second."""
        now = self._yard.clocks.awake()
        if now - self._tried_again < BEAT:
            return
        self._tried_again = now
        self._yard.database.condition.try_again()
        again, self._yard.unrecorded = self._yard.unrecorded, []
        for write in again:
            try:
                write()
            except Exception:
                log.exception("something that has to be recorded could not be; the next turn tries again")
                self._yard.unrecorded.append(write)

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
