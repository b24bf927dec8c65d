"""Where there is no /proc: parents from the system's process table, CPU time from psutil, and memory from
whoever knows what is held: the private commit on Windows, the footprint on macOS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import psutil

from steelyard.machine import process_table
from steelyard.machine.processes.lineage import Lineage
from steelyard.machine.processes.use import CloserLook, ProcessUse

if sys.platform == "darwin":
    from steelyard.machine.process_table.macos import footprint
else:

    def footprint(pid: int) -> int | None:
        """No such figure here."""
        return None


class Processes:
    """The process table of macOS or Windows (it works on Linux too, at five times the cost of linux.py)."""

    def __init__(self, footprint: Callable[[int], int | None] = footprint) -> None:
        """footprint: what a process holds by the system's own figure; None where it has none."""
        self._footprint = footprint
        self._lineage = Lineage()
        self._known: dict[tuple[int, str], psutil.Process] = {}

    def begin(self) -> None:
        """Take one snapshot of who is whose child, for all roots of a sample."""
        self._lineage.look(process_table.entries())
        self._known = {key: known for key, known in self._known.items() if self._lineage.lives(key)}

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, of unknown use (0) if it may not be asked; None if it is gone."""
        entry = self._lineage.entries.get(pid)
        if entry is None:
            return None
        parent = self._lineage.parent(pid)
        key = (pid, entry.identity)
        try:
            process = self._known.get(key) or psutil.Process(pid)
            self._known[key] = process
            with process.oneshot():
                memory, files = (0, 0) if entry.ended else held(process.memory_info(), self._footprint(pid))
                times = None if entry.ended else process.cpu_times()
        except psutil.ZombieProcess:
            return ProcessUse(pid, parent, entry.identity, 0, 0.0, 0.0, True)
        except psutil.AccessDenied:
            # Somebody else's (sudo on macOS): its figures are unknown, its children are still ours to count.
            return ProcessUse(pid, parent, entry.identity, 0, 0.0, 0.0, entry.ended)
        except psutil.NoSuchProcess:
            return None
        # What children that have ended used is known on Linux only (psutil gives 0 elsewhere).
        cpu = times.user + times.system if times else 0.0
        reaped = times.children_user + times.children_system if times else 0.0
        return ProcessUse(pid, parent, entry.identity, memory, cpu, reaped, entry.ended, files=files)

    def children(self, pid: int) -> list[int]:
        """The children of a process at the moment of the snapshot, and what its dead descendants left."""
        return self._lineage.children(pid)

    def lives(self, pid: int) -> bool:
        """Whether it is there."""
        return psutil.pid_exists(pid)

    def look_closer(self, pid: int) -> CloserLook | None:
        """Nothing: pages are not told apart here."""
        return None


def held(info: object, footprint: int | None = None) -> tuple[int, int]:
    """What a process holds, and the pages of files that it has mapped besides (0: unknown), bytes.

    info: psutil's memory_info(). Windows tells what a process has committed for itself, in RAM or not, and
    runs out of that first; macOS tells its footprint. Elsewhere what is resident has to do.
    """
    resident = int(getattr(info, "rss", 0))
    if footprint is not None:
        return footprint, max(0, resident - footprint)
    return int(getattr(info, "private", resident)), 0
