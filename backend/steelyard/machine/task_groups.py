"""A control group for each worker, where one may be made: the kernel then counts what its tasks hold.

Nothing is limited by them, and nothing depends on them: where one cannot be made, or read, the process trees
are weighed as elsewhere. Made and removed in the background: the kernel may take its time. Linux only.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from steelyard.machine.cgroups import Version, levels, read_number, read_table

PREFIX = "steelyard-"
OURS = f"{PREFIX}sidecar"
"""Version 2 has processes in the leaves only: that of the sidecar itself, beside its workers' groups."""

GOING = 2.0
"""Seconds that the last processes of a group may take to be gone."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes that a group holds (anonymous and shared memory, also swapped out), what it keeps of files
    besides (pages, and what the kernel remembers of them), and the most of both together so far; None: not
    told.
    """

    held: int
    files: int
    most: int | None


class Group:
    """One group; every method but counted() belongs in a thread."""

    def __init__(self, folder: Path, version: Version) -> None:
        self._folder = folder
        self._version = version

    def take(self, pid: int) -> None:
        """Let a process be counted here from now on, with all that it starts. OSError."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def counted(self) -> Counted | None:
        """What it holds now; None if that cannot be read. 0.1 ms."""
        table = read_table(self._folder / "memory.stat")
        if self._version == "cgroup v2":
            names, files, most = ("anon", "shmem"), "file", "memory.peak"
            swapped = read_number(self._folder / "memory.swap.current") or 0
        else:
            names, files, most = ("total_rss", "total_shmem"), "total_cache", "memory.max_usage_in_bytes"
            swapped = table.get("total_swap", 0)
        if not all(name in table for name in (*names, files)):
            return None
        shared = table[names[1]]
        return Counted(
            table[names[0]] + shared + swapped,
            max(0, table[files] - shared) + table.get("slab_reclaimable", 0),
            read_number(self._folder / most),
        )

    def remove(self) -> None:
        """Remove it once nobody is in it; one that stays is removed at the next start."""
        until = time.monotonic() + GOING
        while time.monotonic() < until:
            with suppress(OSError):
                self._folder.rmdir()
                return
            if not self._folder.exists():
                return
            time.sleep(0.05)


class Groups:
    """Where groups are made: below the one that this process was started in."""

    def __init__(self, folder: Path, version: Version) -> None:
        self._folder = folder
        self._version = version

    def make(self, name: str, pid: int) -> Group | None:
        """A group of this name with a process in it; None if there can be none."""
        group = Group(self._folder / f"{PREFIX}{name}", self._version)
        try:
            group._folder.mkdir()
            group.take(pid)
        except OSError:
            with suppress(OSError):
                group._folder.rmdir()
            return None
        return group if group.counted() is not None else None

    def sweep(self) -> int:
        """Remove what earlier sidecars left; how many. The kernel keeps those that somebody is in."""
        count = 0
        for folder in self._folder.glob(f"{PREFIX}*"):
            with suppress(OSError):
                folder.rmdir()
                count += 1
        return count


def open_groups(root: Path = Path("/"), *, only_delegated: bool = True) -> Groups | str:
    """Where groups can be made; else in words why not. only_delegated: not where we merely have the right."""
    if sys.platform != "linux":
        return "only Linux has them"
    found = levels("memory", root)
    if not found:
        return "no memory controller is mounted"
    own = found[0]
    if not os.access(own.folder / "cgroup.procs", os.W_OK):
        return "its group is not ours to divide"
    if own.version == "cgroup v1":
        if only_delegated:
            return "version 1 delegates none"
        # Without this (kernels before 5.11) a group below escapes the limits of those above it.
        if read_number(own.folder / "memory.use_hierarchy") != 1:
            return "limits would not reach into groups below"
        return Groups(own.folder, own.version)
    return _divide(own.folder)


def _divide(folder: Path) -> Groups | str:
    """Version 2: go into a leaf, and have the controller in the groups beside it."""
    if folder.name == OURS:
        folder = folder.parent
    elif not _is_delegated(folder):
        return "its group was not delegated (systemd: Delegate=memory)"
    elif _others(folder):
        return "other processes are in its group"
    leaf = folder / OURS
    try:
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        (folder / "cgroup.subtree_control").write_text("+memory")
    except OSError as error:
        with suppress(OSError):
            (folder / "cgroup.procs").write_text(str(os.getpid()))
            leaf.rmdir()
        return f"its group cannot be divided: {error.strerror}"
    return Groups(folder, "cgroup v2")


def _is_delegated(folder: Path) -> bool:
    """Whether systemd has said that what is below this group is somebody else's business (systemd 251 on)."""
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _others(folder: Path) -> bool:
    """Whether anybody but this process is in a group."""
    try:
        return (folder / "cgroup.procs").read_text().split() != [str(os.getpid())]
    except OSError:
        return True


def most_held(now: Counted, before: int, files: int, others: int) -> int:
    """Bytes that a task held at the most, by the kernel's own peak; 0 where that tells nothing.

    before: what the peak was when it began: an unchanged one is an earlier task's. files: the most pages of
    files that were seen in the group meanwhile, which the peak has in it; with many it says too little.
    others: what the group held before.
    """
    if now.most is None or now.most <= before:
        return 0
    files = max(files, now.files)
    held = now.most - files - others
    return held if files < held // 8 else 0
