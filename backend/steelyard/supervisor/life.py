"""The supervisor's life: from what the last sidecar left to the end of every worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from steelyard.store import pause as pause_table
from steelyard.supervisor import grouping, launch, leaving, notices, recovery, workers, workspaces
from steelyard.supervisor.departure import SOFT_STOP, Mode
from steelyard.supervisor.guarding import watch
from steelyard.supervisor.turn import Turns
from steelyard.supervisor.yard import Yard

LEAST_TIME_TO_BACK_UP = 2.0
"""Seconds before the deadline that a last backup needs to be begun."""


class Life:
    """start(), then turns that look after everything, then leave() and stop()."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._turns = Turns(yard)
        self._turning: asyncio.Task[None] | None = None

    async def start(self, wanted: int | str = 0) -> None:
        """Recover, start so many workers as far as they are admitted, and begin to turn.

        wanted: a number, or "restore" for as many as lived when the last sidecar went. Those that memory has
        no room for now are started when it has, unless a person drains or aborts one until then.
        """
        yard = self._yard
        lived = recovery.recover(yard)
        yard.pause.person = pause_table.by_person(yard.database)
        launch.install_helper(yard)
        await grouping.begin(yard)
        if yard.preferences.notice:
            notices.give(yard, "preferences", yard.preferences.notice)
        count = lived if wanted == "restore" else int(wanted)
        # Whoever says how many workers there are to be has answered what the first page would ask.
        yard.answered = wanted == "restore" or count > 0
        yard.owed = count
        await workers.make_good(yard)
        self._turning = asyncio.get_running_loop().create_task(self._turns.run())
        watch(self._turning, "the supervisor's turn", lambda why: yard.lost(why))

    def when_lost(self, leave: Callable[[str], None]) -> None:
        """Have `leave` called, once, with the reason should a fault of ours be the end of all starting."""
        leaving.when_lost(self._yard, leave)

    def leave(self, mode: Mode, deadline_s: float | None) -> None:
        """Say how stop() shall leave; while it is under way, this makes it quicker, never slower."""
        self._yard.departure.leave(mode, deadline_s)

    async def stop(self) -> None:
        """End every worker as leave() said: softly, then for good at the deadline; a drain first waits for
        running tasks.
        """
        yard = self._yard
        if yard.departure.mode is None:
            self.leave("stop", SOFT_STOP)
        if yard.departure.mode == "drain":
            await leaving.drain_all(yard)
        self.leave("stop", SOFT_STOP)
        yard.stopping = True
        await leaving.dismiss_all(yard)
        await workspaces.settle(yard, (yard.departure.remaining or 0.0) / 2)
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        upkeep = self._turns.upkeep
        await upkeep.end(min(1.0, (yard.departure.remaining or 0.0) / 2))
        remaining = yard.departure.remaining or 0.0
        if remaining > LEAST_TIME_TO_BACK_UP:
            await upkeep.last(remaining - LEAST_TIME_TO_BACK_UP / 2)

    @property
    def time_left(self) -> float:
        """Seconds until the deadline of the way out; 0 after it."""
        return self._yard.departure.remaining or 0.0

    @property
    def stopping(self) -> bool:
        """Whether the supervisor is on its way out, and a drain, if there was one, is over."""
        return self._yard.stopping
