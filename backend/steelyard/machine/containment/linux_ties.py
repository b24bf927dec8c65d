"""The two ties of prctl(2): a child that dies with its parent, and a parent to which orphans come up."""

from __future__ import annotations

import contextlib
import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def become_subreaper() -> bool:
    """Orphans of all generations below this process become its children. False where the kernel refuses."""
    return int(_prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0


def die_with_parent(signal_number: int) -> None:
    """The kernel sends this process signal_number when the thread that spawned it ends.

    The parent may have died before this call: check it once more afterwards. Raises OSError where it is
    refused.
    """
    if _prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def offer_as_victim() -> None:
    """Let the kernel's out-of-memory killer choose this process, and what it starts, before others.

    As if it used half the machine's memory more than it does (proc(5), oom_score_adj).
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
