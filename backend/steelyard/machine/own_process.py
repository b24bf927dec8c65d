"""What this very process takes: for whoever watches the watcher."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import psutil


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """Resident memory in bytes, CPU time (user and system) in seconds, start in Unix seconds."""

    resident: int
    cpu_seconds: float
    started: float


def read() -> OwnProcess:
    """The figures of this moment."""
    process = _process()
    with process.oneshot():
        times = process.cpu_times()
        return OwnProcess(process.memory_info().rss, times.user + times.system, process.create_time())


@cache
def _process() -> psutil.Process:
    return psutil.Process()
