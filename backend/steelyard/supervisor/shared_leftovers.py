"""Tell on a task what it left in shared memory: nobody else would, and it takes memory until removed."""

from __future__ import annotations

import os

from steelyard.machine import shared_memory
from steelyard.machine.beside import beside
from steelyard.machine.shared_memory import Unused
from steelyard.rules.quantities import format_size
from steelyard.store import claims
from steelyard.supervisor.guarding import in_background
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.yard import Yard

NAMED = 3
"""Files that the sentence names."""


def look(yard: Yard, attempt: RunningAttempt) -> None:
    """Look, beside the loop, what an attempt left whose end is recorded, and put it on its task."""
    alone = not any(handle.attempt not in (None, attempt) for handle in yard.handles.values())
    in_background(yard, _look(yard, attempt, alone), "looking for what a run left in shared memory")


async def _look(yard: Yard, attempt: RunningAttempt, alone: bool) -> None:
    left = await beside(lambda: shared_memory.unused(attempt.started_wall))
    if left:
        said = [in_words(left, alone=alone)]
        yard.note(lambda change: claims.remark(change, attempt.task_id, attempt.number, said))


def in_words(left: list[Unused], *, alone: bool) -> str:
    """alone: no other run was under way that may have left it."""
    others = "another program" if alone else "another run or program"
    what = "a file" if len(left) == 1 else f"{len(left)} files"
    names = ", ".join(os.path.relpath(one.path, shared_memory.FOLDER) for one in left[:NAMED])
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    size = format_size(sum(one.bytes for one in left))
    them, they = ("it", "it takes") if len(left) == 1 else ("them", "they take")
    return (
        f"Since this run began, {what} appeared in {shared_memory.FOLDER} that no process uses any more: "
        f"{names}{more}, {size}. This run left {them}, or {others} of yours; {they} that much memory until "
        "removed."
    )
