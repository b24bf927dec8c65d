"""What takes its time and is done beside the loop, one after the other: backups, and history that goes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from steelyard.machine.beside import beside
from steelyard.rules.errors import SteelyardError
from steelyard.store import backups
from steelyard.supervisor import notices, retention
from steelyard.supervisor.guarding import watch
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

BACKUP_EVERY = 86_400.0
"""Seconds by the wall clock: a laptop that is used an hour a day has one a day all the same."""
PRUNE_EVERY = 3600.0
"""Seconds awake."""
SMALL = 8 * 1024 * 1024
"""Bytes; so large a database is copied when the sidecar stops (some 30 ms), a larger one only once a day."""


class Upkeep:
    """One thing after the other, each in a thread; what fails or hangs takes no other along."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._errand: asyncio.Task[None] | None = None
        self._pruned: float | None = None
        self._complained = False
        self._finished = False
        self._leaving = False
        """Asked by the thread that makes a backup, which then gives up and removes what it has of it."""

    def begin(self) -> None:
        """Do what is due, beside the loop; nothing if the last errand is still under way."""
        if self._errand is None or self._errand.done():
            self._errand = asyncio.get_running_loop().create_task(self._do_what_is_due())
            watch(self._errand, "the upkeep", lambda why: notices.give(self._yard, "fault", f"{why}."))

    async def end(self, within: float) -> None:
        """Stop: let a backup give up, which takes some milliseconds, or go on without whatever hangs."""
        if self._errand is not None:
            self._leaving = True
            await asyncio.wait((self._errand,), timeout=within)
            self._errand.cancel()
            await asyncio.gather(self._errand, return_exceptions=True)
            self._leaving = False

    async def _do_what_is_due(self) -> None:
        await self._part("a backup", self.back_up_if_due)
        await self._part("removing history", self._prune_if_due)

    async def _part(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """One part of the upkeep, which takes no other along where it fails."""
        try:
            if not self._leaving:
                await work()
        except (OSError, SteelyardError, sqlite3.Error) as error:
            log.warning("%s was cut short: %s", what, error)
        except Exception as error:
            log.exception("%s met a fault of ours", what)
            text = f"{what[0].upper()}{what[1:]} failed by a fault of Steelyard's own ({error!r})."
            notices.give(self._yard, "fault", f"{text} Its log says more.")

    async def _prune_if_due(self) -> None:
        """Remove what the preferences do not keep, once an hour."""
        if not self._finished:
            # Before anything is removed anew: that writes another note.
            await retention.finish_interrupted(self._yard)
            self._finished = True
        now = self._yard.clocks.awake()
        if self._pruned is None or now - self._pruned >= PRUNE_EVERY:
            self._pruned = now
            await retention.prune(self._yard)

    async def back_up_if_due(self) -> None:
        """A backup, if the latest is a day old. A clock that was set back does not put it off for ever."""
        path, now = self._yard.data.database, self._yard.clocks.wall()
        latest = await beside(lambda: backups.latest(path))
        if latest is None or abs(now - latest) >= BACKUP_EVERY:
            await self.back_up()

    async def back_up(self) -> None:
        """A backup now, if anything has happened since the last one.

        What keeps it from being made is told once a run, and damage that it finds at once.
        """
        yard = self._yard
        path, now = yard.data.database, yard.clocks.wall()
        try:
            made = await beside(lambda: backups.make(path, now, lambda: self._leaving))
        except backups.Damaged as error:
            yard.database.condition.found_damage(str(error))
        except InterruptedError:
            log.info("a backup was given up: Steelyard is leaving")
        except (OSError, sqlite3.Error) as error:
            log.warning("no backup of the database could be made: %s", error)
            if not self._complained:
                self._complained = True
                notices.give(yard, "backup", f"No backup of the database could be made: {error}.")
        else:
            self._complained = False
            if made is not None:
                log.info("backed up the database to %s", made.path.name)

    async def last(self, seconds: float) -> None:
        """On the way out, when there is time: what happened in this run shall be in a backup too."""
        if self._yard.database.size() <= SMALL:
            try:
                async with asyncio.timeout(seconds):
                    await self.back_up()
            except TimeoutError:
                self._leaving = True
                log.warning("the last backup was not made within %.1f s", seconds)
