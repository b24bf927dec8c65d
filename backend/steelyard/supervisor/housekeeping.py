"""What has to be done now and then: the log of events kept short, ended workers off the list, sleep noted."""

from __future__ import annotations

from steelyard.machine import heap
from steelyard.rules import retry
from steelyard.rules.quantities import format_duration
from steelyard.store import events, tasks
from steelyard.supervisor import attempts, notices, workers
from steelyard.supervisor.upkeep import Upkeep
from steelyard.supervisor.yard import Yard

INTERVAL = 60.0
"""Seconds between two rounds."""
SLEEP_WORTH_TELLING = 60.0
"""Seconds; a shorter sleep is nobody's concern."""


class Housekeeper:
    """Keeps house when it is due; a round that finds nothing to do writes nothing."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self.upkeep = Upkeep(yard)
        """What is begun in a round and takes longer than that."""
        self._last = yard.clocks.awake()
        self._asleep = yard.clocks.asleep()

    async def keep_house(self) -> None:
        """One round, if the last one is long enough ago."""
        self._note_sleep()
        now = self._yard.clocks.awake()
        if now - self._last < INTERVAL:
            return
        self._last = now
        # First: a fault of ours with the rest must not keep backups from being made.
        self.upkeep.begin()
        yard = self._yard
        for handle in yard.handles.values():
            if handle.attempt is not None:
                attempts.note_executable(yard, handle, handle.attempt)
        overheld = await yard.database.change(
            lambda change: tasks.let_go_overheld(change, yard.clocks.wall(), retry.LONGEST_DELAY)
        )
        if overheld:
            yard.hurry()
        await workers.cleanup(yard, yard.settings.worker_cleanup_age)
        await yard.database.change(lambda change: events.prune(change, yard.clocks.wall()))
        yard.database.shrink()
        heap.give_back_memory()

    def _note_sleep(self) -> None:
        """DESIGN section 4: a laptop that slept says for how long, and that nothing was lost by it."""
        asleep = self._yard.clocks.asleep()
        slept = asleep - self._asleep
        if slept >= SLEEP_WORTH_TELLING:
            text = f"The computer slept {format_duration(slept)}; the runs went on where they were."
            notices.give(self._yard, "sleep", text, seconds=round(slept, 1))
            self._asleep = asleep
