"""What is left to do: how many tasks can start and what keeps the others; and the rows of those that can, or
of a long queue an even sample.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from steelyard.store.records import Reader, to_json

_READY = """waiting AS (SELECT *, CASE WHEN held_until > :soon THEN 'time'
    WHEN queue NOT IN (SELECT value FROM json_each(:queues)) THEN 'queue'
    WHEN claim <= :given OR (forced AND claim > :largest) THEN 'none'
    WHEN claim_source IN ('default', 'learned') AND :given > 0 THEN 'none'
    WHEN claim > :largest THEN 'never_fits' ELSE 'other_programs' END AS own
    FROM task WHERE state = 'READY')"""
_STUCK = """stuck(id) AS (SELECT id FROM waiting WHERE own <> 'none'
    UNION SELECT later.task_id FROM stuck JOIN task_after AS later ON later.predecessor_id = stuck.id)"""
_COUNTS = f"""WITH RECURSIVE {_READY}, {_STUCK} SELECT
    CASE WHEN own = 'none' AND blockers > 0 AND id IN (SELECT id FROM stuck) THEN 'after' ELSE own END AS why,
    CASE WHEN own = 'queue' THEN queue END AS queue, count(*) AS count,
    min(held_until) AS at, min(claim) AS least, max(claim) AS most
    FROM waiting GROUP BY 1, 2 ORDER BY count DESC, 1, 2"""
_SAMPLE = f"""WITH RECURSIVE {_READY}, {_STUCK} SELECT simulation, parameters, claim, claim_source, cores,
    cause, priority, position, sweep_id, ordered, held_until FROM waiting
    WHERE serial % :nth = 0 AND own = 'none' AND (blockers = 0 OR id NOT IN (SELECT id FROM stuck))
    ORDER BY priority DESC, position LIMIT :most"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a task needs to start: a queue that is served, its time by `soon` (Unix s), and a claim that fits.

    given: bytes that a task can have once all that run have ended; largest: with no other program at all.
    """

    queues: Collection[str]
    soon: float
    given: int
    largest: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Tasks that cannot start, and why: "time", "queue", "other_programs", "never_fits" or "after": they wait
    for one of those.

    at: Unix seconds of the first that may. least, most: bytes that they claim.
    """

    why: str
    count: int
    queue: str | None
    at: float | None
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Left:
    """How many wait; those that cannot start; how many can, and rows of them, each for `each` such tasks."""

    total: int
    kept: list[Kept]
    able: int
    rows: list[dict[str, Any]]
    each: int


def waiting(reader: Reader, limits: Limits, most: int) -> Left:
    """What waits, with rows of at most some `most` tasks that can start, in the order of the queue.

    Of more than `most` every n-th by its submission, which has little to do with how long they take; n is a
    power of two, so that the sample stays the same for long.
    """
    asked = {
        "queues": to_json(sorted(limits.queues)),
        "soon": limits.soon,
        "given": limits.given,
        "largest": limits.largest,
    }
    found = reader.execute(_COUNTS, asked).fetchall()
    able = sum(row["count"] for row in found if row["why"] == "none")
    kept = [
        Kept(row["why"], row["count"], row["queue"], row["at"], row["least"], row["most"])
        for row in found
        if row["why"] != "none"
    ]
    nth = 1
    while able > nth * most:
        nth *= 2
    rows = reader.execute(_SAMPLE, {**asked, "nth": nth, "most": 2 * most}).fetchall()
    each = max(1, round(able / len(rows))) if rows else 1
    return Left(able + sum(one.count for one in kept), kept, able, [dict(row) for row in rows], each)
