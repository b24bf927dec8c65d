"""A person's pause of the queue: it outlives the sidecar, since whoever paused expects nothing to start."""

from __future__ import annotations

from steelyard.store.database import Change
from steelyard.store.records import Reader

_PERSON = "user"


def by_person(reader: Reader) -> bool:
    """Whether a person has paused the queue."""
    return reader.execute("SELECT 1 FROM pause WHERE who = ?", (_PERSON,)).fetchone() is not None


def note(change: Change, paused: bool, at: float) -> None:
    """Write down that a person paused or resumed, at Unix seconds."""
    if paused:
        change.execute("INSERT OR IGNORE INTO pause(who, at) VALUES (?, ?)", (_PERSON, at))
    else:
        change.execute("DELETE FROM pause WHERE who = ?", (_PERSON,))
