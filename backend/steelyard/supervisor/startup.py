"""What the first page asks when no worker lives, and the one answer a launch takes."""

from __future__ import annotations

from typing import Any

from steelyard.rules.errors import Conflict
from steelyard.supervisor import views, workers
from steelyard.supervisor.scale import live_workers
from steelyard.supervisor.yard import Yard

CHOICES = ("start", "start_anyway", "without_workers")


async def question(yard: Yard) -> dict[str, Any]:
    """The answer of `GET /api/startup/`:

    whether to ask, and the figures (bytes). closable: programs whose end would make room; None unless it
    asks.
    """
    if not yard.answered and not yard.handles:
        await yard.scale.programs.fresh()
    found = views.admission_of(yard, live_workers(yard.handles.values()))
    room = len(yard.handles) < found.admissible
    asks = not yard.answered and not yard.handles and not room and found.bound_by == "memory"
    return {
        "workers": len(yard.handles),
        "prompt": "insufficient_memory" if asks else None,
        "need": views.next_claim(yard),
        "headroom": found.headroom,
        "closable": views.closable(yard, views.next_claim(yard) - found.headroom) if asks else None,
        "answered": yard.answered,
        "start_worker": not yard.answered
        and not yard.handles
        and room
        and yard.settings.start_worker_at_launch,
    }


async def answer(yard: Yard, choice: str) -> dict[str, Any]:
    """Carry out a person's choice.

    Conflict when this launch has its answer; what forbids a worker as for adding one.
    """
    if yard.answered:
        raise Conflict("This was answered already since the program was started.")
    worker_id = None
    if choice != "without_workers":
        yard.answered = True
        try:
            worker_id = await workers.add(yard, force=choice == "start_anyway")
        except BaseException:
            yard.answered = False
            raise
    yard.answered = True
    return {"status": "success", "worker_id": worker_id}
