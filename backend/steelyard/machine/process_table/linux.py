"""The process table of Linux, read from /proc.

Identity is boot id and start ticks: both stand still when someone steps the wall clock, unlike the creation
time that is derived from it (proc(5), field 22 of /proc/pid/stat).
"""

from __future__ import annotations

import os

from steelyard.machine.process_table.entry import Entry

_boot: list[str] = []


def identity(pid: int) -> str | None:
    """The identity of a living process; None if there is no such process, or only its zombie."""
    found = entry(pid)
    return None if found is None or found.ended else found.identity


def entry(pid: int) -> Entry | None:
    """The process with this pid, zombies included; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read(1024)
    except OSError:
        return None
    # The name stands in brackets and may itself hold brackets and blanks: count from the last one.
    fields = stat[stat.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    state = fields[0]
    return Entry(
        pid,
        int(fields[1]),
        f"{_boot_id()}/{int(fields[19])}",
        ended=state in b"ZXx",
        stopped=state in b"Tt",
    )


def children(pid: int) -> list[int]:
    """The direct children of a process, of all its threads, zombies included."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                # One read may be cut at a page: read until nothing comes.
                text = b"".join(iter(lambda file=file: file.read(65536), b""))  # type: ignore[misc]
        except FileNotFoundError:
            # Either the thread is gone, or this kernel lacks CONFIG_PROC_CHILDREN.
            if os.path.exists(f"/proc/{pid}/task/{thread}/stat"):
                return [each.pid for each in entries() if each.parent == pid]
            continue
        except OSError:
            continue
        found += map(int, text.split())
    return found


def entries() -> list[Entry]:
    """Every process that can be seen."""
    found = (entry(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [each for each in found if each is not None]


def executable(pid: int) -> str | None:
    """The program file that a process runs; None if it is gone or may not be asked."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return None


def _boot_id() -> str:
    if not _boot:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                _boot.append(file.read().strip())
        except OSError:
            _boot.append("no-boot-id")
    return _boot[0]
