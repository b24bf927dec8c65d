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
    look_after(yard, attempt.task_id, attempt.number, attempt.started_wall, alone=alone)


def look_after(yard: Yard, task_id: str, number: int, started: float, *, alone: bool) -> None:
    """The same for any attempt. started: Unix s. alone: no other run was under way that may have left it."""
    work = _look(yard, task_id, number, started, alone)
    in_background(yard, work, "looking for what a run left in shared memory")


async def _look(yard: Yard, task_id: str, number: int, started: float, alone: bool) -> None:
    left = await beside(lambda: shared_memory.unused(started))
    if left:
        said = [in_words(left, alone=alone)]
        yard.note(lambda change: claims.remark(change, task_id, number, said))


def in_words(left: list[Unused], *, alone: bool) -> str:
    """The sentence for a task."""
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
