"""Workers in control groups of their own, where that may be: nothing depends on it."""

from __future__ import annotations

import logging
from functools import partial

from steelyard.machine import task_groups
from steelyard.machine.beside import beside
from steelyard.supervisor.guarding import in_background
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

WITHIN = 2.0
"""Seconds that the kernel has; mostly it takes less than a millisecond."""


async def begin(yard: Yard) -> None:
    """Find out whether there can be groups, and remove what an earlier sidecar left."""
    wanted = yard.settings.worker_groups
    found: task_groups.Groups | str = "the preference worker_groups says so"
    if wanted != "off":
        try:
            found = await beside(partial(task_groups.open_groups, only_delegated=wanted == "auto"), WITHIN)
            if isinstance(found, task_groups.Groups):
                await beside(found.sweep, WITHIN)
        except (OSError, TimeoutError) as error:
            found = f"the kernel did not answer: {error!r}"
    if isinstance(found, str):
        log.info("what tasks hold is counted by their process trees, not by control groups: %s", found)
    else:
        yard.groups = found
        log.info("what tasks hold is counted by control groups, one for each worker")


async def join(yard: Yard, handle: WorkerHandle, pid: int) -> None:
    """Put a worker that has just been started, and so all that it will start, into a group."""
    if yard.groups is None:
        return
    try:
        handle.group = await beside(partial(yard.groups.make, handle.worker_id, pid), WITHIN)
    except (OSError, TimeoutError) as error:
        log.warning("worker %s gets no control group: %r", handle.worker_id, error)
        return
    if handle.group is None:
        log.warning("worker %s gets no control group; its process tree is weighed", handle.worker_id)


def leave(yard: Yard, handle: WorkerHandle) -> None:
    """A worker has ended: its group goes, as soon as the kernel lets it."""
    group, handle.group = handle.group, None
    if group is not None:
        in_background(yard, beside(group.remove), f"removing the group of worker {handle.worker_id}")
