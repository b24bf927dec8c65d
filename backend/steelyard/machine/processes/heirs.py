"""What an earlier run left and no record names: whatever inherited the environment of one of its attempts.

When sidecar and agent die in the same moment, nobody is there whom a task's children could come up to: the
kernel ends the task itself, its children live on under init. supervisor.recovery enters here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection

import psutil

from steelyard.machine import containment, process_table

WITHIN = 5.0
"""Seconds that it may take until none is found any more; usually one look and one more."""


def end_heirs(variable: str, values: Collection[str]) -> int:
    """End every process that was started with one of these values in its environment, and all below it;
    how many.

    Nobody else may have such a value. Even so a process is left alone whose session somebody else leads: it
    was started from that shell, by hand, with a copy of the variable. Windows needs none of this: a Job
    Object ended them.
    """
    if sys.platform == "win32" or not values:
        return 0
    ended = 0
    deadline = time.monotonic() + WITHIN
    while (heirs := _heirs(variable, values)) and time.monotonic() < deadline:
        ended += sum(containment.end_known(pid, known) for pid, known in heirs.items())
    return ended


def _heirs(variable: str, values: Collection[str]) -> dict[int, str]:
    """PID -> identity of those that live now."""
    living = {each.pid: each.identity for each in process_table.entries() if not each.ended}
    # The identity was read before the environment: a pid that another process takes over is not ended.
    heirs = {
        pid: known
        for pid, known in living.items()
        if pid != os.getpid() and _environment(pid).get(variable) in values
    }
    return {pid: known for pid, known in heirs.items() if _leader(pid) in heirs or _leader(pid) not in living}


def _environment(pid: int) -> dict[str, str]:
    """What a process was started with; nothing if that is not ours to read."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def _leader(pid: int) -> int:
    """The process that leads its session; 0, which is none, if the process is gone."""
    try:
        return os.getsid(pid) if sys.platform != "win32" else 0
    except OSError:
        return 0
