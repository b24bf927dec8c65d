"""What the task list is searched by: tags, and a narrow copy of the words of a task."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.store.database import Change
from steelyard.store.records import Row

PARAMETERS_LIMIT = 500
"""Characters of a task's parameters that can be found; more would make every search slower."""


def fold(text: str) -> str:
    """Text as it is compared: case does not count, in any alphabet."""
    return text.casefold()


def index_text(change: Change, serial: int, row: Row) -> None:
    """Keep the words of a task."""
    change.execute("INSERT OR REPLACE INTO task_text(serial, text) VALUES (?, ?)", (serial, text_of(row)))


def text_of(row: Row) -> str:
    """The words of a task: label, id, simulation, tags and the beginning of its parameters."""
    words = (row["label"], row["id"], row["simulation"], row["tags"], row["parameters"][:PARAMETERS_LIMIT])
    # A newline between them: a search, which hardly holds one, does not match across two of them.
    return fold("\n".join(words))


def index_tags(change: Change, serial: int, tags: Sequence[str]) -> None:
    """Keep the tags of a task for the filter by tag."""
    change.executemany("INSERT INTO task_tag(tag, serial) VALUES (?, ?)", [(tag, serial) for tag in tags])
