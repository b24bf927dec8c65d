"""What one process uses, what a tree uses, and what a reader of the process table has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol


class ProcessUse(NamedTuple):
    """One process at one moment. (pid, started) is its identity; bytes and seconds.

    memory is what is resident; shared is the part of it that is backed by files or shared memory, which other
    processes of its tree may have too (0 where the system does not tell).
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
    shared: int = 0


@dataclass(frozen=True, slots=True)
class TreeUse:
    """What a process and all its descendants use.

    memory: resident bytes. Pages backed by files or shared memory count once for the tree, as many as the
    process with the most of them has (Linux; elsewhere once for each process). Pages that a fork has not yet
    copied count for parent and child.
    cpu: per cent of one core since the last sample; 0.0 in the first, over 100 with several busy threads.
    processes: how many live, zombies not counted; 0 when the root is gone.
    cpu_seconds: all that the tree has used since its root began, as far as samples saw it; never falls.
    """

    memory: int
    cpu: float
    processes: int
    cpu_seconds: float


class ProcessReader(Protocol):
    """A source of processes; begin() is called once before the reads that belong to one sample."""

    def begin(self) -> None:
        """Forget what an earlier sample saw."""

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, None if there is none (any more)."""

    def children(self, pid: int) -> list[int]:
        """The direct children of a process; [] if it is gone. May miss one that begins or ends meanwhile."""
