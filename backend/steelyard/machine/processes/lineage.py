"""Whose child each process is where nobody adopts orphans: a process whose parent ends stays with its family.

Windows never changes the parent that a process names, and that pid may be another's by now; macOS names init.
So whose child one is, is decided when it is seen first. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from steelyard.machine.process_table.entry import Entry

_Key = tuple[int, str]


class Lineage:
    """Remembers, from look to look, who belongs to whom.

    One who came and went between two looks is not known: what he left belongs to whom the system names.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        """Those of the last look, by pid."""
        self._parents: dict[_Key, _Key] = {}
        self._children: dict[int, list[int]] = {}

    def look(self, entries: Iterable[Entry]) -> None:
        """Take the process table of this moment."""
        self.entries = {entry.pid: entry for entry in entries}
        before, self._parents, self._children = self._parents, {}, {}
        for entry in self.entries.values():
            key = (entry.pid, entry.identity)
            parent = before.get(key) or self._named(entry)
            # Up to the nearest that lives: those between are forgotten with this look. Two of one moment may
            # name each other where a pid was used again: hence `passed`.
            passed: set[_Key] = set()
            while parent is not None and not self.lives(parent):
                passed.add(parent)
                parent = above if (above := before.get(parent)) not in passed else None
            parent = parent or self._named(entry)
            if parent is not None:
                self._parents[key] = parent
                self._children.setdefault(parent[0], []).append(entry.pid)

    def lives(self, key: _Key) -> bool:
        """Whether the process (pid, identity) was there at the last look."""
        entry = self.entries.get(key[0])
        return entry is not None and entry.identity == key[1]

    def parent(self, pid: int) -> int:
        """The pid of a process's parent, or of its nearest ancestor that lives; 0 if there is none."""
        entry = self.entries.get(pid)
        found = self._parents.get((pid, entry.identity)) if entry is not None else None
        return found[0] if found is not None else 0

    def children(self, pid: int) -> list[int]:
        """The children of a process, and what its descendants that are gone left."""
        return self._children.get(pid, [])

    def _named(self, entry: Entry) -> _Key | None:
        """The parent that the system names, if that can be: a child is younger than its parent."""
        parent = self.entries.get(entry.parent)
        if parent is None or parent.pid == entry.pid or _began(entry) < _began(parent):
            return None
        return parent.pid, parent.identity


def _began(entry: Entry) -> float:
    """When a process began, as a number that grows: identities are times (on Linux behind the boot id)."""
    return float(entry.identity.rpartition("/")[2])
