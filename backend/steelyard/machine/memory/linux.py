"""Linux: /proc/meminfo, the control groups that bind this process, and pressure stall information (PSI).

Every file is read below `root`, so a test makes a machine up in a folder.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import NamedTuple

from steelyard.machine.cgroups import Level, Version, levels, read_number, read_table
from steelyard.machine.memory.reading import MemoryReading, Pressure, worse

WARNING_SOME = 10.0
"""Per cent of the last 10 s in which at least one task waited for memory: from here on `warning`."""

CRITICAL_FULL = 10.0
"""Per cent of the last 10 s in which every task that could have run waited for memory: from here `critical`.

(systemd-oomd ends programs at 60 % `full` held for 30 s: by then a desktop has long been unusable.)
"""

NEVER_OVERCOMMIT = 2
"""vm.overcommit_memory: past CommitLimit the kernel refuses memory, however much of it lies idle."""


def probe(root: Path = Path("/")) -> MemoryReading:
    """The memory now. OSError without a readable /proc/meminfo: then nothing may be admitted."""
    machine_total, available, swap = _machine(root)
    total = machine_total
    pressure = _pressure(root / "proc/pressure/memory")
    source: Version | None = None
    for level in levels("memory", root):
        bound = _bound(level, machine_total)
        if bound is None:
            continue
        if source is None or bound.limit < total:
            total, source = bound.limit, level.version
        available = min(available, bound.available)
        if level.version == "cgroup v2":
            pressure = worse(pressure, _pressure(level.folder / "memory.pressure"))
    return MemoryReading(
        total,
        min(available, total),
        pressure,
        source or "machine",
        swap_total=swap[0],
        swap_free=swap[1],
    )


def sharers(root: Path = Path("/")) -> frozenset[int] | None:
    """The processes that the memory available to us is shared with: those of the group that leaves the least.

    None where that is the machine itself: then it is shared with every process.
    """
    machine_total, least, _ = _machine(root)
    tightest: Path | None = None
    for level in levels("memory", root):
        bound = _bound(level, machine_total)
        if bound is not None and bound.available < least:
            least, tightest = bound.available, level.folder
    if tightest is None:
        return None
    found: set[int] = set()
    for folder, _, _ in os.walk(tightest):
        with contextlib.suppress(OSError):
            found.update(map(int, (Path(folder) / "cgroup.procs").read_text().split()))
    return frozenset(found)


class _Bound(NamedTuple):
    limit: int
    available: int


def _machine(root: Path) -> tuple[int, int, tuple[int | None, int | None]]:
    """Total and available bytes of the whole machine, and its swap, total and free."""
    figures = _table(root / "proc/meminfo", unit=1024)
    try:
        total = figures["MemTotal:"]
        available = figures.get("MemAvailable:")
        if available is None:
            # Before Linux 3.14: what nobody uses, and the file pages that nobody has asked for lately.
            available = figures["MemFree:"] + figures.get("Inactive(file):", 0)
        if read_number(root / "proc/sys/vm/overcommit_memory") == NEVER_OVERCOMMIT:
            promised = figures["CommitLimit:"] - figures["Committed_AS:"]
            available = min(available, max(0, promised))
    except KeyError as missing:
        raise OSError(f"{root / 'proc/meminfo'} does not say {missing}") from None
    return total, min(available, total), (figures.get("SwapTotal:"), figures.get("SwapFree:"))


def _bound(level: Level, machine_total: int) -> _Bound | None:
    """What a group leaves; None if it sets no limit below machine_total ("max", 2^63 less a page).

    available = limit − usage + what the kernel drops before it refuses: pages of files, whether read once
    (inactive) or again and again (active), and caches of its own; as it reckons MemAvailable for a machine.
    A usage that cannot be read leaves the limit alone as the bound.
    """
    folder = level.folder
    stat: dict[str, int] | None = None
    if level.version == "cgroup v2":
        # Above memory.high nothing is killed, but the group is slowed to a crawl: no room for a simulation.
        limits = [read_number(folder / name) for name in ("memory.max", "memory.high")]
        usage, prefix = "memory.current", ""
    else:
        # The hierarchical limit counts ancestors too, also those that a container does not show.
        stat = read_table(folder / "memory.stat")
        limits = [read_number(folder / "memory.limit_in_bytes"), stat.get("hierarchical_memory_limit")]
        usage, prefix = "memory.usage_in_bytes", "total_"
    known = [limit for limit in limits if limit is not None and limit < machine_total]
    if not known:
        return None
    limit = min(known)
    used = read_number(folder / usage)
    if used is None:
        return _Bound(limit, limit)
    stat = read_table(folder / "memory.stat") if stat is None else stat
    files = stat.get(f"{prefix}inactive_file", 0) + stat.get(f"{prefix}active_file", 0)
    kept = _low_watermark(limit)
    # Version 1 does not tell which of the kernel's own memory it could drop: none, then.
    droppable = sum(size - min(size // 2, kept) for size in (files, stat.get("slab_reclaimable", 0)))
    return _Bound(limit, max(0, limit - used + min(droppable, used)))


def _low_watermark(size: int) -> int:
    """Bytes that the kernel would keep free in a machine of this size (min_free_kbytes, and the step from
    "min" to "low"): of what it could drop, so much is in use all the time and would be read in again at once.
    """
    least = math.isqrt(16 * size * 1024)
    return least + max(least // 4, size // 1000)


def _table(file: Path, unit: int = 1) -> dict[str, int]:
    """The "name number" lines of a file; a "kB" behind the number means unit = 1024."""
    table: dict[str, int] = {}
    for line in file.read_text().splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[1].isdigit():
            table[fields[0]] = int(fields[1]) * unit
    return table


def _pressure(file: Path) -> Pressure:
    """The word for a PSI file; `normal` where the kernel has none (CONFIG_PSI off, psi=0, before 4.20)."""
    try:
        text = file.read_text()
    except OSError:
        return "normal"
    # "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", then the same for "full"
    average = {"some": 0.0, "full": 0.0}
    for line in text.splitlines():
        kind, _, figures = line.partition(" avg10=")
        try:
            average[kind] = float(figures.split(" ", 1)[0])
        except ValueError:
            continue
    if average["full"] >= CRITICAL_FULL:
        return "critical"
    return "warning" if average["some"] >= WARNING_SOME else "normal"
