"""What is left to do: who can start, what keeps the others, and a sample that stays the same."""

from __future__ import annotations

import pytest

from steelyard.store import remaining
from steelyard.store.database import Database
from steelyard.store.remaining import Left, Limits
from tests.unit.store.making import NOW, new, run, submit

GIB = 2**30
LIMITS = Limits({"default"}, soon=NOW + 60, given=8 * GIB, largest=14 * GIB)


def left(database: Database, most: int = 10) -> Left:
    return remaining.waiting(database, LIMITS, most)


def kept(database: Database) -> dict[str, int]:
    return {one.why: one.count for one in left(database).kept}


def test_what_runs_is_no_longer_left(database: Database) -> None:
    first, _ = submit(database, new(), new())
    run(database, first)
    found = left(database)
    assert (found.total, found.able, len(found.rows), found.each) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ({"queue": "gpu"}, "queue"),
        ({"not_before": NOW + 3600}, "time"),
        ({"not_before": NOW + 3600, "queue": "gpu"}, "time"),
        ({"not_before": NOW + 30}, None),
        ({"claim": 9 * GIB, "claim_source": "task"}, "other_programs"),
        ({"claim": 9 * GIB, "claim_source": "default"}, None),
        ({"claim": 15 * GIB, "claim_source": "simulation"}, "never_fits"),
        ({"claim": 15 * GIB, "claim_source": "task", "forced": True}, None),
        ({"claim": 9 * GIB, "claim_source": "task", "forced": True}, "other_programs"),
    ],
)
def test_what_keeps_a_task(database: Database, task: dict[str, object], why: str | None) -> None:
    submit(database, new(**task), new())
    assert kept(database) == ({} if why is None else {why: 1})
    assert len(left(database).rows) == (2 if why is None else 1)


def test_who_waits_for_one_that_cannot_start_cannot_either(database: Database) -> None:
    stuck, free = submit(database, new(queue="gpu"), new())
    (second,) = submit(database, new(after=[stuck]))
    submit(database, new(after=[second, free]), new(after=[free]))
    assert kept(database) == {"queue": 1, "after": 2}
    found = left(database)
    assert (found.total, found.able, len(found.rows)) == (5, 2, 2)


def test_a_sample_stays_the_same_while_few_end(database: Database) -> None:
    ids = submit(database, *[new(label=str(number)) for number in range(100)])

    def sampled() -> list[int]:
        found = left(database, most=30)
        assert 15 <= len(found.rows) <= 30
        assert len(found.rows) * found.each == pytest.approx(found.able, rel=0.1)
        return [row["position"] for row in found.rows]

    before = sampled()
    for task_id in ids[:10]:
        run(database, task_id)
    assert set(sampled()) <= set(before)
