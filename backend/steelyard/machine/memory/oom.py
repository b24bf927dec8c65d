"""How often the kernel's out-of-memory killer has struck: what tells its SIGKILL from anybody else's.

Linux only. Counters: `oom_kill` of the control groups that bind this process (version 2: memory.events, which
counts the groups below as well; version 1: memory.oom_control, each group for itself) and of the whole
machine (/proc/vmstat, since Linux 4.13). Elsewhere, and where none can be read, nothing is known.
"""

from __future__ import annotations

import sys
from pathlib import Path

from steelyard.machine.cgroups import levels

Counts = dict[str, int]
"""How often, by where it was counted: "control group", "machine". What cannot be read is not in it."""


def oom_kills(root: Path = Path("/")) -> Counts:
    """The counters now. Some 60 µs."""
    if sys.platform != "linux":
        return {}
    counts: Counts = {}
    for level in levels("memory", root):
        name = "memory.events" if level.version == "cgroup v2" else "memory.oom_control"
        found = _figure(level.folder / name)
        if found is not None:
            counts["control group"] = counts.get("control group", 0) + found
    machine = _figure(root / "proc/vmstat")
    if machine is not None:
        counts["machine"] = machine
    return counts


def struck(before: Counts, now: Counts) -> str | None:
    """What shows that the killer struck between two readings, in words; None if nothing does."""
    for where, count in now.items():
        if where in before and count > before[where]:
            return f"the {where}'s count of out-of-memory kills went from {before[where]} to {count}"
    return None


def _figure(file: Path) -> int | None:
    """The number behind oom_kill in a table of names and numbers; None without one."""
    try:
        text = file.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.strip().isdigit():
            return int(number)
    return None
