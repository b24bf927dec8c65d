"""The programs that hold the most memory now: what a person could close so that a simulation fits."""

from __future__ import annotations

import contextlib
import heapq
import os
import sys
from collections import Counter, defaultdict
from typing import Final

import psutil

if sys.platform == "linux":
    from steelyard.machine.memory.linux import sharers
else:

    def sharers() -> frozenset[int] | None:
        """Every program shares the memory with us here."""
        return None


ASKED: Final = 8
"""Processes of one program whose pages are looked at one by one; the others are taken to be like them."""

_AGENT = os.path.join("steelyard", "worker", "__main__.py")


def largest_programs(limit: int) -> list[tuple[str, int]]:
    """(name, bytes) of this user's largest programs, the largest first; processes of a name add up, and what
    they share counts once.

    Not in it: this program and any other of ours, what it started, what started it (with the windows of the
    same program, as those of our desktop), and, in a control group with a limit of its own, what runs outside
    of that. They are not what one would close, or would not help.
    About 20 ms for 200 processes, and up to 5 ms for each whose pages are looked at: ask in a thread, when
    somebody is refused, not in a loop.
    """
    me = psutil.Process()
    above = me.parents()
    ours = {each.pid for each in (me, *above, *me.children(recursive=True))}
    # An interpreter that we run in ourselves says nothing: a notebook may run in it as well.
    starters = {_executable(each) for each in above} - {_executable(me), None}
    user, sharing = me.username(), sharers()
    members: defaultdict[str, list[tuple[int, psutil.Process]]] = defaultdict(list)
    for process in psutil.process_iter(["name", "username", "memory_info"]):
        info = process.info
        # memory_info is None where the system refuses it: a program of somebody else.
        if process.pid in ours or info["username"] != user or info["memory_info"] is None:
            continue
        if sharing is not None and process.pid not in sharing:
            continue
        if _executable(process) in starters or _is_steelyard(process):
            continue
        members[info["name"] or f"process {process.pid}"].append((info["memory_info"].rss, process))
    resident = {name: sum(size for size, _ in found) for name, found in members.items()}
    # Nothing can be larger than its resident pages, so only the largest by these are asked.
    likely = heapq.nlargest(limit, resident, key=resident.__getitem__)
    sizes = Counter({name: int(resident[name] * _share(members[name])) for name in likely})
    return [(name, size) for name, size in sizes.most_common() if size]


def _share(found: list[tuple[int, psutil.Process]]) -> float:
    """How much of their resident pages processes of one program have, each page counted once (Linux; 1.0
    elsewhere): forks, and the windows of a browser, have most of theirs together.
    """
    if len(found) == 1:
        return 1.0
    looked, parts = 0, 0
    for size, process in heapq.nlargest(ASKED, found, key=lambda each: each[0]):
        with contextlib.suppress(psutil.Error):
            part = getattr(process.memory_full_info(), "pss", size)
            looked, parts = looked + size, parts + part
    return parts / looked if looked else 1.0


def _executable(process: psutil.Process) -> str | None:
    try:
        return process.exe() or None
    except psutil.Error:
        return None


def _is_steelyard(process: psutil.Process) -> bool:
    """Whether it is a command, a sidecar or an agent of this program, whoever started it."""
    try:
        words = process.cmdline()[:8]
    except psutil.Error:
        return False
    return any(
        os.path.basename(word).removesuffix(".exe") == "steelyard" or word.endswith(_AGENT) for word in words
    )
