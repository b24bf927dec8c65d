"""The supervisor's turn: a few named calls. It runs when something has happened, and at a beat besides."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from steelyard.machine.beside import beside
from steelyard.rules.quantities import format_duration
from steelyard.store import tasks
from steelyard.store.condition import Trouble
from steelyard.supervisor import (
    claiming,
    core_watch,
    dispatch,
    memory_guard,
    notices,
    outcomes,
    pausing,
    usage,
    views,
    worker_end,
    workers,
)
from steelyard.supervisor.guarding import in_background
from steelyard.supervisor.housekeeping import Housekeeper
from steelyard.supervisor.steps import Steps
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

BEAT = 1.0
CLOSEST = 0.05
"""Seconds between two samples of the trees, however much happens."""
BEAT_WITH_TASKS = 0.25
"""Seconds between two turns while tasks run, for their memory may grow fast; BEAT otherwise, for an idle
program shall cost next to nothing.
"""
GIVE_UP = 60.0
"""Seconds awake in which nothing could be weighed or started; then the sidecar leaves, to be started anew."""
TURNING = "a turn"
WEIGHING = "weighing the machine"
STARTING = "starting tasks"


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
        self._steps = Steps(yard)
        self._worked = False
        """Whether every step of the last turn did."""
        self._patience = BEAT
        """Seconds until the next turn at the latest."""

    async def run(self) -> None:
        """For ever. A step that fails is told, and the next turn makes it again."""
        yard = self._yard
        while True:
            # Not wait_for(): in Python 3.11 it swallows a cancellation that comes in the moment of the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await yard.wake.wait()
            yard.wake.clear()
            self._patience = BEAT
            if not (await self._steps.make(TURNING, self._turn_under_guard) and self._worked):
                await asyncio.sleep(BEAT)
                self._give_up_where_nothing_works()

    async def _turn_under_guard(self) -> None:
        """A turn. While it waits, for a long change of the database as a rule, the machine is weighed and
        guarded at the beat all the same.
        """
        turn = asyncio.create_task(self._turn())
        try:
            while not (await asyncio.wait({turn}, timeout=BEAT_WITH_TASKS))[0]:
                await self._steps.make(WEIGHING, self._weigh)
            await turn
        finally:
            turn.cancel()
            await asyncio.gather(turn, return_exceptions=True)

    def _give_up_where_nothing_works(self) -> None:
        """Rather be started anew than answer pages and start nothing; but no task pays for it."""
        if any(handle.attempt is not None for handle in self._yard.handles.values()):
            return
        for what in (TURNING, WEIGHING, STARTING):
            if self._steps.failing_for(what) >= GIVE_UP:
                self._yard.lost(f"{what} has failed for {format_duration(GIVE_UP)}")

    def _tell_when_over(self) -> None:
        """Once the database takes changes again, whoever was not there can read that it did not."""
        trouble, self._trouble = self._trouble, self._yard.database.condition.trouble
        if trouble is not None and self._trouble is None:
            lasted = self._yard.clocks.wall() - trouble.since
            text = f"{trouble.over} (for {format_duration(max(0.0, lasted))}); nothing was lost."
            notices.give(self._yard, "storage", text, state=trouble.kind.value, seconds=round(lasted, 1))

    async def _turn(self) -> None:
        """Every step once, whatever becomes of the others."""
        yard, make = self._yard, self._steps.make
        weighed = await make(WEIGHING, self._weigh)
        self._worked = False
        worked = [
            weighed,
            await make("recording what was refused before", self._record),
            await make("looking at the battery", lambda: pausing.look_at_battery(yard)),
            await make("comparing cores with claims", lambda: core_watch.look(yard)),
            await make("looking after workers", lambda: worker_end.check(yard)),
            await make("looking for tasks that nobody runs", lambda: outcomes.give_back_unheld(yard)),
            await make("keeping what runs use", lambda: usage.keep(yard)),
            await make("learning", lambda: dispatch.relearn(yard)),
            # On old figures nothing is started.
            weighed and await make(STARTING, lambda: dispatch.dispatch(yard)),
            weighed and await make("replacing workers", lambda: workers.make_good(yard)),
            await make("housekeeping", self._housekeeper.keep_house),
            await make("telling the figures", self._publish),
            await make("telling that the storage works again", self._tell_when_over),
            await make("planning the next turn", self._plan_next),
        ]
        self._worked = all(worked)

    def _weigh(self) -> None:
        if self._observe():
            memory_guard.keep(self._yard)

    def _plan_next(self) -> None:
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
        since = now - self._trees_weighed
        due = yard.scale.are_trees_due(since, yard.settings)
        beat = due and now - self._beat >= 0.8 * BEAT_WITH_TASKS
        if beat or (due and since >= CLOSEST and yard.idle()):
            self._trees_weighed = now
            yard.scale.weigh_trees(yard.handles.values(), yard.clocks.wall(), now)
            claiming.remember_room(yard)
            if yard.scale.wants_closer_look(yard.settings):
                in_background(yard, beside(yard.scale.look_closer), "looking at what programs hold together")
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
