"""What one process uses, what a tree uses, and what a reader of the process table has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol


class ProcessUse(NamedTuple):
    """One process at one moment. (pid, started) is its identity; bytes and seconds.

    memory is what it has written to and nothing but its end gives back, resident or swapped out; forks of one
    program, which have the same family, may still hold pages of it together. segments: the pages of shared
    memory that it has mapped, also of files in /dev/shm. files: pages of files, which the system drops when
    it wants to: they are not held. tables: what the system needs to map all that. faults: how often it was
    given a page.
    (Where a system does not tell them apart, memory is all that is known, and the rest is 0.)
    reaped_seconds is the CPU time of children that have ended and that it has waited for, with that of
    theirs; 0 where the system does not tell.
    """

    pid: int
    parent: int
    started: object
    memory: int
    cpu_seconds: float
    reaped_seconds: float
    ended: bool
    segments: int = 0
    files: int = 0
    tables: int = 0
    family: object = None
    faults: int = 0


class CloserLook(NamedTuple):
    """What a process holds, page by page (Linux: smaps_rollup), bytes: of its memory all of it, its part once
    each page is divided among all that have it, and what is its alone; of shared memory all and its part.
    """

    memory: int
    part: int
    own: int
    segments: int
    part_of_segments: int


@dataclass(frozen=True, slots=True)
class TreeUse:
    """What a process and all its descendants use.

    memory: bytes that the tree holds: what its processes have written to, also where it was swapped out, and
    shared memory, each page once however many of them have it; no pages of files. Right within a few per cent
    as far as closer looks were taken, which look_closer() does.
    cpu: per cent of one core since the last sample; 0.0 in the first, over 100 with several busy threads.
    processes: how many live, zombies not counted; 0 when the root is gone.
    cpu_seconds: all that the tree has used since its root began, as far as samples saw it; never falls.
    files: bytes of files that the one of its processes with most of them has mapped. tables: bytes that the
    system needs to map all that, a part of memory.
    """

    memory: int
    cpu: float
    processes: int
    cpu_seconds: float
    files: int = 0
    tables: int = 0


class ProcessReader(Protocol):
    """A source of processes; begin() is called once before the reads that belong to one sample."""

    def begin(self) -> None:
        """Forget what an earlier sample saw."""

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, None if there is none (any more)."""

    def children(self, pid: int) -> list[int]:
        """The direct children of a process; [] if it is gone. May miss one that begins or ends meanwhile."""

    def look_closer(self, pid: int) -> CloserLook | None:
        """What the process holds page by page; None if that is not told. Takes 20 ms for each GB, in any
        thread.
        """

    def lives(self, pid: int) -> bool:
        """Whether a process that was there still is, and is no zombie; in any thread."""
