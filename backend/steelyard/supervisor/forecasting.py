"""The forecast of the yard: what is left, played through with the rules of rules.forecast."""

from __future__ import annotations

from typing import Any

from steelyard.machine.beside import compute
from steelyard.rules import forecast
from steelyard.rules.forecast import Expected, Span
from steelyard.rules.timestamps import iso
from steelyard.store import remaining
from steelyard.supervisor import dispatch, views
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.yard import Yard

SAMPLE = 400
"""Waiting tasks that are looked at; of more an even sample stands for all."""

MOST_WORKERS = 8
"""Numbers of workers that are answered, at the most."""


async def view(yard: Yard) -> dict[str, Any]:
    """`GET /api/forecast/`: when all is done, with 1, 2, ... workers.

    {"remaining", "unknown", "workers", "paused",
     "outlooks": [{"workers", "done_at", "earliest", "latest", "bound_by"}]}.
    unknown counts tasks of which nobody knows how long they take: with some, the moments are the least that
    can be said; with nothing but those there is no outlook. paused: who holds the queue; it is reckoned as if
    it went on now.
    """
    rows, total = await yard.database.aside.read(lambda reader: remaining.waiting(reader, SAMPLE))
    await yard.learning.look_up(yard.learning.unanswered(rows))
    each = max(1, round(total / len(rows))) if rows else 1
    waiting = [_waits(yard, row) for row in rows]
    running = [_runs(yard, handle.attempt) for handle in yard.handles.values() if handle.attempt is not None]
    unknown = sum(one.takes is None for one in waiting) * each + sum(one.takes is None for one in running)
    room, now_running = dispatch.room(yard)
    memory = room.headroom + sum(one.frees for one in now_running)
    cores = room.cores_free + sum(one.cores for one in now_running)
    limits = views.limits(yard)
    workers = limits["active"]
    most = min(MOST_WORKERS, max(workers, limits["admissible"], 1))
    now = yard.clocks.wall()
    outlooks = await compute(lambda: forecast.forecast(waiting, running, memory, cores, most, each=each))
    return {
        "remaining": total + len(running),
        "unknown": min(unknown, total + len(running)),
        "workers": workers,
        "paused": yard.pause.by,
        "outlooks": [
            {
                "workers": one.workers,
                "done_at": iso(now + one.usual),
                "earliest": iso(now + one.earliest),
                "latest": iso(now + one.latest),
                "bound_by": one.bound_by,
            }
            for one in outlooks
        ],
    }


def _waits(yard: Yard, row: dict[str, Any]) -> Expected:
    claim = yard.learning.reckoned(yard.settings, row)
    last = yard.learning.last(row)
    return Expected(claim.bytes, row["cores"], None if last is None else last.span)


def _runs(yard: Yard, attempt: RunningAttempt) -> Expected:
    """What runs: by its own progress, else by what such runs took; one that is overdue may end any moment."""
    now = yard.clocks.awake()
    ran = attempt.ran_for(now)
    claim = max(attempt.reckoned, attempt.peak)
    left = attempt.remaining(now)
    if left is not None and attempt.progress:
        doubt = forecast.FIRST_DOUBT * left
        return Expected(claim, attempt.cores, Span(left, left - doubt, left + doubt))
    span = attempt.span
    if span is None:
        return Expected(claim, attempt.cores, None)
    rest = [max(0.0, seconds - ran) for seconds in (span.usual, span.shortest, span.longest)]
    return Expected(claim, attempt.cores, Span(*rest))
