"""A parent that dies while we are still being loaded: we go too, for nothing has been begun.

Loading takes some tenths of a second, and many times that on a busy machine. Windows has no way to look at a
pipe without reading it.
"""

from __future__ import annotations

import os
import select
import threading

LOOK_EVERY = 0.05
"""Seconds."""

_over = threading.Event()


def begin(descriptor: int) -> None:
    """End this process with status 0 once its parent is gone and nobody writes to descriptor; until end().

    Neither alone is enough: a shell may hand us its pipe and leave, and one that lives may have said all that
    it has to say.
    """
    if hasattr(select, "poll"):
        watch = threading.Thread(target=_watch, args=(descriptor, os.getppid()), name="hangup", daemon=True)
        watch.start()


def end() -> None:
    """Somebody else watches from now on."""
    _over.set()


def _watch(descriptor: int, parent: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # nothing is asked for: the end is told in any case
    while not _over.wait(LOOK_EVERY):
        if any(event & select.POLLHUP for _, event in poll.poll(0)) and os.getppid() != parent:
            os._exit(0)
