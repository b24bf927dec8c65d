"""How many physical cores this process may use: the machine's, less affinity, less a control group's quota.

Two threads of one core share its arithmetic units: simulations that compute are not served by counting both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from steelyard.machine.cgroups import levels, read_number


def physical_cores(root: Path = Path("/"), processors: Iterable[int] | None = None) -> int:
    """At least 1. processors: the logical ones that this process may run on, by default its affinity."""
    if processors is None:
        processors = _affinity()
    allowed = sorted(processors)
    cores = _cores_of(allowed, root) if allowed else None
    if cores is None:
        cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        if allowed:
            cores = min(cores, len(allowed))
    quota = _quota(root)
    # A quota of 2.5 cores keeps two workers busy, and lets a third one down.
    return max(1, cores if quota is None else min(cores, int(quota)))


def _affinity() -> Iterable[int]:
    """The logical processors that the kernel lets us use; nothing where it does not say (macOS)."""
    ask = getattr(os, "sched_getaffinity", None)
    if ask is not None:
        return set(ask(0))
    process = psutil.Process()
    return process.cpu_affinity() if hasattr(process, "cpu_affinity") else ()


def _cores_of(processors: list[int], root: Path) -> int | None:
    """How many cores those logical processors are, from Linux' topology files; None without them."""
    cores = set()
    for number in processors:
        try:
            file = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
            cores.add(file.read_text().strip())
        except OSError:
            return None
    return len(cores)


def _quota(root: Path) -> float | None:
    """Cores' worth of time that the control groups grant (the least of all levels); None without a limit."""
    found = []
    for level in levels("cpu", root):
        if level.version == "cgroup v2":
            try:
                quota, _, period = (level.folder / "cpu.max").read_text().strip().partition(" ")
            except OSError:
                continue
            if quota.isdigit() and period.isdigit() and int(period):
                found.append(int(quota) / int(period))
        else:
            # "-1" without a limit, which is no number to read_number.
            limit = read_number(level.folder / "cpu.cfs_quota_us")
            span = read_number(level.folder / "cpu.cfs_period_us")
            if limit is not None and span:
                found.append(limit / span)
    return min(found, default=None)
