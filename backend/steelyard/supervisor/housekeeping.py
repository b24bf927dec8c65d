"""What has to be done now and then: the log of events kept short, ended workers off the list, sleep noted."""

from __future__ import annotations

from steelyard.machine import heap
from steelyard.rules import retry
from steelyard.rules.quantities import format_duration
from steelyard.store import events, tasks
from steelyard.supervisor import attempts, notices, workers
from steelyard.supervisor.steps import Steps
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
        self._steps = Steps(yard, "in a minute")

    async def keep_house(self) -> None:
        """One round, if the last one is long enough ago. A part that fails is told; the others are done."""
        make = self._steps.make
        await make("noting that the computer slept", self._note_sleep)
        now = self._yard.clocks.awake()
        if now - self._last < INTERVAL:
            return
        self._last = now
        yard = self._yard
        await make("beginning the upkeep", self.upkeep.begin)
        await make("looking what runs execute", self._note_executables)
        await make("letting go of tasks that were held for too long", self._let_go_overheld)
        await make(
            "taking ended workers off the list",
            lambda: workers.cleanup(yard, yard.settings.worker_cleanup_age),
        )
        await make(
            "shortening the log of events",
            lambda: yard.database.change(lambda change: events.prune(change, yard.clocks.wall())),
        )
        await make("giving back the database's memory", yard.database.shrink)
        await make("giving back memory", heap.give_back_memory)

    def _note_executables(self) -> None:
        for handle in self._yard.handles.values():
            if handle.attempt is not None:
                attempts.note_executable(self._yard, handle, handle.attempt)

    async def _let_go_overheld(self) -> None:
        yard = self._yard
        if await yard.database.change(
            lambda change: tasks.let_go_overheld(change, yard.clocks.wall(), retry.LONGEST_DELAY)
        ):
            yard.hurry()

    def _note_sleep(self) -> None:
        """A laptop that slept says for how long, and that nothing was lost by it: else its owner, who finds
        runs far behind the clock, takes them for stuck.
        """
        asleep = self._yard.clocks.asleep()
        slept = asleep - self._asleep
        if slept >= SLEEP_WORTH_TELLING:
            text = f"The computer slept {format_duration(slept)}; the runs went on where they were."
            notices.give(self._yard, "sleep", text, seconds=round(slept, 1))
            self._asleep = asleep
