"""Where there is no /proc: parents from the system's process table, memory and CPU time from psutil."""

from __future__ import annotations

import psutil

from steelyard.machine import process_table
from steelyard.machine.process_table.entry import Entry
from steelyard.machine.processes.use import ProcessUse


class Processes:
    """The process table of macOS or Windows (it works on Linux too, at five times the cost of linux.py)."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._by_parent: dict[int, list[int]] = {}
        self._known: dict[tuple[int, str], psutil.Process] = {}

    def begin(self) -> None:
        """Take one snapshot of who is whose child, for all roots of a sample."""
        self._entries = {entry.pid: entry for entry in process_table.entries()}
        self._by_parent = {}
        for entry in self._entries.values():
            parent = self._entries.get(entry.parent)
            # Windows never changes the parent that a process names, and that pid may be another's by now:
            # a child is younger than its parent. Identities there are times; on macOS it is always so.
            if parent is not None and entry.pid != entry.parent and _began(entry) >= _began(parent):
                self._by_parent.setdefault(entry.parent, []).append(entry.pid)
        alive = {(entry.pid, entry.identity) for entry in self._entries.values()}
        self._known = {key: known for key, known in self._known.items() if key in alive}

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, of unknown use (0) if it may not be asked; None if it is gone."""
        entry = self._entries.get(pid)
        if entry is None:
            return None
        key = (pid, entry.identity)
        try:
            process = self._known.get(key) or psutil.Process(pid)
            self._known[key] = process
            with process.oneshot():
                memory, times = (0, None) if entry.ended else (process.memory_info().rss, process.cpu_times())
        except psutil.ZombieProcess:
            return ProcessUse(pid, entry.parent, entry.identity, 0, 0.0, 0.0, True)
        except psutil.AccessDenied:
            # Somebody else's (sudo on macOS): its figures are unknown, its children are still ours to count.
            return ProcessUse(pid, entry.parent, entry.identity, 0, 0.0, 0.0, entry.ended)
        except psutil.NoSuchProcess:
            return None
        # What children that have ended used is known on Linux only (psutil gives 0 elsewhere).
        cpu = times.user + times.system if times else 0.0
        reaped = times.children_user + times.children_system if times else 0.0
        return ProcessUse(pid, entry.parent, entry.identity, memory, cpu, reaped, entry.ended)

    def children(self, pid: int) -> list[int]:
        """The direct children of a process at the moment of the snapshot."""
        return self._by_parent.get(pid, [])


def _began(entry: Entry) -> float:
    """When a process began, as a number that grows: identities are times (on Linux behind the boot id)."""
    return float(entry.identity.rpartition("/")[2])
