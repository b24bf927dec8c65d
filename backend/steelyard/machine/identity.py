"""Which process is meant: a pid alone can be used again, a pid with its identity cannot.

Supervisor, recovery, containment and the worker's watchdog enter here. An identity is opaque text: compare
it, never read it. Linux: boot id and start ticks; macOS and Windows: creation time.
"""

from __future__ import annotations

from steelyard.machine import process_table


def identity_of(pid: int) -> str | None:
    """The identity of a living process; None if there is no such process, or only its zombie."""
    return process_table.identity(pid)


def is_same(pid: int, identity: str) -> bool:
    """Whether the process that was recorded as (pid, identity) still lives."""
    return identity_of(pid) == identity


def executable_of(pid: int) -> str | None:
    """The path of the program that a process runs; None if it is gone or may not be asked."""
    return process_table.executable(pid)


def parent_of(pid: int) -> int | None:
    """The pid of a process's parent; None if the process is gone."""
    entry = process_table.entry(pid)
    return None if entry is None or entry.ended else entry.parent
