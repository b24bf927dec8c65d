"""What is left to do: every waiting task, or of a long queue an even sample."""

from __future__ import annotations

from typing import Any

from steelyard.store.records import Reader

_COUNT = "SELECT coalesce(sum(n), 0) FROM task_count WHERE state = 'READY'"
_SAMPLE = """SELECT simulation, parameters, claim, claim_source, cores, cause, checkpoint_at FROM task
    WHERE state = 'READY' AND serial % ?1 = 0 ORDER BY priority DESC, position LIMIT ?2"""


def waiting(reader: Reader, most: int) -> tuple[list[dict[str, Any]], int]:
    """At most some `most` rows of READY tasks in the order of the queue, and how many tasks wait in all.

    Of more than `most` every n-th by its submission, which has little to do with how long they take.
    """
    total = int(reader.execute(_COUNT).fetchone()[0])
    nth = -(-total // most) if total > most else 1
    rows = reader.execute(_SAMPLE, (nth, 2 * most)).fetchall()
    return [dict(row) for row in rows], total
