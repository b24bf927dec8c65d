"""How often the kernel's out-of-memory killer has struck: what tells its SIGKILL from anybody else's.

Linux only. The kernel counts each victim in the control group that it was in, whatever was short of memory:
the `oom_kill` of our own group (version 2: memory.events, with the groups below; version 1:
memory.oom_control) tells of our processes and of few others. Only where there is no such group does the
count of the whole machine speak (/proc/vmstat, since Linux 4.13). Elsewhere, and where none can be read,
nothing is known.
"""

from __future__ import annotations

import sys
from pathlib import Path

from steelyard.machine.cgroups import levels
from steelyard.machine.task_groups import OURS, PREFIX

Counts = dict[str, int]
"""How often, by where it was counted: "control group" or "machine". Empty: nothing can be read."""


def oom_kills(root: Path = Path("/")) -> Counts:
    """The counters now. Some 60 µs."""
    if sys.platform != "linux":
        return {}
    for level in levels("memory", root):
        folder, name = level.folder, "memory.events"
        if level.version == "cgroup v1":
            name = "memory.oom_control"
        elif folder.name == OURS:
            # A leaf, made for us alone: those of our workers lie beside it.
            folder = folder.parent
        found = _figure(folder / name)
        if found is not None:
            if level.version == "cgroup v1":
                # It counts the victims of each group by itself.
                found += sum(_figure(below / name) or 0 for below in folder.glob(f"{PREFIX}*"))
            return {"control group": found}
    machine = _figure(root / "proc/vmstat")
    return {} if machine is None else {"machine": machine}


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
