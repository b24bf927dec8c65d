"""What the navigation of every page lists, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: where it leads, its word, and the name of its icon in templates/parts/icons.html."""

    href: str
    text: str
    icon: str


ENTRIES = (
    Entry("/", "Start", "home"),
    Entry("/#worker-status", "Worker Status", "workers"),
    Entry("/tasks/", "Tasks", "tasks"),
    Entry("/submit/", "Submit", "add"),
    Entry("/preferences/", "Preferences", "preferences"),
    Entry("/system/", "System", "system"),
)
"""In the order in which they stand. The page author adds the entry when the page exists, not before."""


def is_current(entry: Entry, path: str) -> bool:
    """Whether the page at `path` is the entry's, or lies below it."""
    if "#" in entry.href:
        return False
    return path == entry.href or (entry.href != "/" and path.startswith(entry.href))
