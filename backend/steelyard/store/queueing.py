"""The head of the queue: which tasks may start now, and when the next one is let go.

The line goes by priority, then by position. Where priorities age, a task counts as one priority higher for
each so many seconds that it has waited: they all grow alike, so the order among them stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

from steelyard.rules.retry import MEMORY
from steelyard.rules.scheduling import Gap
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, to_json
from steelyard.store.tables import RUNNABLE

_MEMORY = ", ".join(f"'{cause}'" for cause in sorted(MEMORY))
_HEAD = f"SELECT * FROM task WHERE queue = :queue AND {RUNNABLE}"
_BUT = " AND simulation NOT IN (SELECT value FROM json_each(:without))"
_FITS = " AND claim <= :memory AND cores <= :cores AND id NOT IN (SELECT value FROM json_each(:known))"
_FITS_OR_GUESSED = """ AND (claim_source IN ('default', 'learned') OR forced OR claim <= :memory)
    AND cores <= :cores AND id NOT IN (SELECT value FROM json_each(:known))"""
_NOT_FOR_A_SCOUT = f""" AND NOT (coalesce(cause, '') NOT IN ({_MEMORY}) AND (
    claim_source = 'default' AND simulation IN (SELECT value FROM json_each(:simulations))
    OR claim_source IN ('default', 'learned')
        AND coalesce(sweep_id, '') IN (SELECT value FROM json_each(:sweeps))))"""
_GUESSED = """ AND claim_source <> 'task' AND claim > :memory
    AND priority <= :priority AND (priority < :priority OR position > :position)"""
_OF_PRIORITY = " AND priority = :priority ORDER BY position LIMIT :limit"
_LINE = " ORDER BY priority DESC, position LIMIT :limit"
_PRIORITIES = f"""WITH RECURSIVE step(priority) AS (
    SELECT max(priority) FROM task WHERE queue = :queue AND {RUNNABLE}
    UNION ALL SELECT (SELECT max(priority) FROM task WHERE queue = :queue AND {RUNNABLE}
        AND priority < step.priority) FROM step WHERE step.priority IS NOT NULL)
    SELECT priority FROM step WHERE priority IS NOT NULL"""
_SMALLEST = f"""SELECT min(claim) FROM (
    SELECT claim FROM task WHERE queue = ? AND {RUNNABLE} ORDER BY priority DESC, position LIMIT ?)"""
_WAKE = "UPDATE task SET held_until = NULL WHERE held_until <= ?"
_OVERHELD = """UPDATE task SET held_until = CASE WHEN not_before > ?1 THEN not_before END
    WHERE held_until > ?1 + ?2 AND (not_before IS NULL OR held_until <> not_before)"""
_NEXT_DUE = "SELECT min(held_until) FROM task WHERE held_until IS NOT NULL"
_MANY_CORES = _HIGHEST = 2**31


def runnable(
    reader: Reader, queue: str, limit: int, without: Collection[str] = (), aging: float = 0.0
) -> list[dict[str, Any]]:
    """At most `limit` rows of `task` that nothing in the database keeps from starting, the next one first.

    They wait for no predecessor and no moment. without: names of simulations of which none may start now.
    aging: seconds of waiting that count as much as one priority; 0: none do.
    """
    sql = _HEAD + (_BUT if without else "")
    return _line(reader, sql, {"queue": queue, "without": to_json(sorted(without)), "limit": limit}, aging)


class Scouted(NamedTuple):
    """Of which a scout is ahead. Tasks of these simulations that claim the default wait for it, and all that
    nobody stated a claim for of these sweeps: far down a sweep what was learned may not be current.
    """

    simulations: Collection[str] = ()
    sweeps: Collection[str] = ()


_NONE: Final = Scouted()


def fitting(
    reader: Reader,
    queue: str,
    gap: Gap,
    known: Iterable[str],
    without: Collection[str] = (),
    aging: float = 0.0,
    scouted: Scouted = _NONE,
) -> dict[str, Any] | None:
    """The first runnable row that fits into a gap, but for those of these ids and those that wait for a
    scout; None: none does.
    """
    values = {
        "queue": queue,
        "without": to_json(sorted(without)),
        "limit": 1,
        "memory": gap.memory,
        "cores": _MANY_CORES if gap.cores is None else gap.cores,
        "known": to_json(list(known)),
        "simulations": to_json(sorted(scouted.simulations)),
        "sweeps": to_json(sorted(scouted.sweeps)),
    }
    sql = _HEAD + (_FITS_OR_GUESSED if gap.guesses else _FITS) + (_BUT if without else "") + _NOT_FOR_A_SCOUT
    return next(iter(_line(reader, sql, values, aging)), None)


def guessed(
    reader: Reader, queue: str, memory: int, after: tuple[int, int] | None, limit: int
) -> list[dict[str, Any]]:
    """Runnable rows, in their order, whose claim is no one's word and more than so many bytes.

    after: priority and position of a row; those behind it.
    """
    priority, position = (_HIGHEST, 0) if after is None else after
    values = {
        "queue": queue,
        "memory": memory,
        "priority": priority,
        "position": position,
        "limit": limit,
    }
    return [dict(row) for row in reader.execute(_HEAD + _GUESSED + _LINE, values).fetchall()]


def place(row: Row | dict[str, Any], aging: float = 0.0) -> tuple[float, int]:
    """By this the rows of several queues are merged into one line."""
    gained = row["queued_at"] / aging if aging else 0.0
    return gained - row["priority"], row["position"]


def _line(reader: Reader, sql: str, values: dict[str, Any], aging: float) -> list[dict[str, Any]]:
    if not aging:
        return [dict(row) for row in reader.execute(sql + _LINE, values).fetchall()]
    priorities = [row[0] for row in reader.execute(_PRIORITIES, values).fetchall()]
    of_each = (reader.execute(sql + _OF_PRIORITY, {**values, "priority": one}) for one in priorities)
    line = merge(*of_each, key=lambda row: place(row, aging))
    return [dict(row) for row in islice(line, values["limit"])]


def smallest_claim(reader: Reader, queue: str, most: int) -> int | None:
    """Bytes: the smallest claim of the first `most` tasks that may start; None where none waits."""
    found = reader.execute(_SMALLEST, (queue, most)).fetchone()[0]
    return None if found is None else int(found)


def wake(change: Change, now: float) -> int:
    """Let go of tasks whose moment (not_before, or the back-off of a retry) has come; how many."""
    return change.execute(_WAKE, (now,)).rowcount


def let_go_overheld(change: Change, now: float, longest: float) -> int:
    """Let go of tasks whose back-off ends further away than any back-off does; how many.

    The wall clock was set back since: a retry would else wait for as long as it was set back. What the user
    wants not before a moment keeps that moment.
    """
    return change.execute(_OVERHELD, (now, longest)).rowcount


def next_due(reader: Reader) -> float | None:
    """Unix seconds at which wake() next has something to do."""
    due = reader.execute(_NEXT_DUE).fetchone()[0]
    return None if due is None else float(due)
