"""Pause and resume the queue. A person's pause is stored, a low battery's is read anew at every start."""

from __future__ import annotations

from dataclasses import replace

from steelyard.rules import battery
from steelyard.rules.errors import SteelyardError
from steelyard.rules.pause import By
from steelyard.store import pause as pause_table
from steelyard.store.database import Change
from steelyard.supervisor import notices
from steelyard.supervisor.yard import Yard

BATTERY_READ_EVERY = 30.0
"""Seconds of awake time between two looks at the battery; the desktop program tells of a change at once."""

PAUSED = "The queue is paused: what runs goes on, and nothing new starts until it is resumed."
RESUMED = "The queue goes on."


async def pause(yard: Yard) -> By | None:
    """Let nothing new start until a person resumes, across restarts too; who holds the queue now."""
    return await _person_says(yard, True)


async def resume(yard: Yard) -> By | None:
    """Let waiting tasks start again, on a low battery too; who holds the queue now."""
    return await _person_says(yard, False)


async def _person_says(yard: Yard, paused: bool) -> By | None:
    before = replace(yard.pause)

    def apply(change: Change) -> None:
        if before.person != paused or (before.by is not None and not paused):
            text = PAUSED if paused else RESUMED
            change.event("prompt", "queue", notices.words(yard, "queue", text, by="user"))
        pause_table.note(change, paused, yard.clocks.wall())

    if paused:
        # At once: whoever is answered must see nothing start that was claimed in the same transaction.
        yard.pause.person_says(True)
    try:
        await yard.database.change(apply)
    except SteelyardError:
        yard.pause.person = before.person
        raise
    yard.pause.person_says(paused)
    yard.hurry()
    return yard.pause.by


def look_at_battery(yard: Yard) -> None:
    """Pause on a low battery, by preference, and go on when it no longer is; looks every so often only."""
    now = yard.clocks.awake()
    if yard.battery_read is not None and now - yard.battery_read < BATTERY_READ_EVERY:
        return
    yard.battery_read = now
    charge, below, before = yard.battery(), yard.settings.pause_on_battery_below, yard.pause.by
    yard.pause.battery_says(battery.is_low(charge, below, yard.pause.battery_low))
    if yard.pause.by == before:
        return
    if yard.pause.by == "battery" and charge is not None:
        text = (
            f"The battery is at {charge.percent:.0f} %, so the queue is paused: what runs goes on, and "
            f"nothing new starts until the machine is on mains, or the battery at {below + battery.MARGIN} %."
        )
    else:
        text = f"{RESUMED} The battery is no longer low, or the machine is on mains."
    notices.give(yard, "queue", text, by="battery")
