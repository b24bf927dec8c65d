"""The programs that hold the most memory now: what a person could close so that a simulation fits."""

from __future__ import annotations

import os
import sys
from collections import Counter

import psutil

if sys.platform == "linux":
    from steelyard.machine.memory.linux import sharers
else:

    def sharers() -> frozenset[int] | None:
        """Every program shares the memory with us here."""
        return None


_AGENT = os.path.join("steelyard", "worker", "__main__.py")


def largest_programs(limit: int) -> list[tuple[str, int]]:
    """(name, resident bytes) of this user's largest programs, the largest first; processes of a name add up.

    Not in it: this program and any other of ours, what it started, what started it (with the windows of the
    same program, as those of our desktop), and, in a control group with a limit of its own, what runs outside
    of that. They are not what one would close, or would not help.
    About 20 ms for 200 processes: ask when somebody is refused, not in a loop.
    """
    me = psutil.Process()
    above = me.parents()
    ours = {each.pid for each in (me, *above, *me.children(recursive=True))}
    # An interpreter that we run in ourselves says nothing: a notebook may run in it as well.
    starters = {_executable(each) for each in above} - {_executable(me), None}
    user, sharing = me.username(), sharers()
    sizes: Counter[str] = Counter()
    for process in psutil.process_iter(["name", "username", "memory_info"]):
        info = process.info
        # memory_info is None where the system refuses it: a program of somebody else.
        if process.pid in ours or info["username"] != user or info["memory_info"] is None:
            continue
        if sharing is not None and process.pid not in sharing:
            continue
        if _executable(process) in starters or _is_steelyard(process):
            continue
        sizes[info["name"] or f"process {process.pid}"] += info["memory_info"].rss
    return [(name, size) for name, size in sizes.most_common(limit) if size]


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
