"""Points of memory and CPU, thinned."""

from __future__ import annotations

from steelyard.rules.samples import MAX_POINTS
from steelyard.store import samples
from steelyard.store.database import Database
from tests.unit.store.making import NOW, new, run, submit


def test_points_of_several_saves_are_thinned_together(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    for start in range(0, 1200, 300):
        points = [(NOW + second, second, 50.0) for second in range(start, start + 300)]
        database.change_now(lambda change, p=points: samples.save(change, task_id, number, p))
    found = samples.read(database, task_id)
    assert 250 < len(found) <= MAX_POINTS
    assert found[-1] == {"attempt": 1, "at": "2026-01-15T10:49:59.000Z", "memory": 1199, "cpu": 50.0}
    assert found == sorted(found, key=lambda point: str(point["at"]))


def test_no_points_and_twice_the_same_moment(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    database.change_now(lambda change: samples.save(change, task_id, number, []))
    assert samples.read(database, task_id) == []
    database.change_now(lambda change: samples.save(change, task_id, number, [(NOW, 1, 0.0), (NOW, 2, 0.0)]))
    assert [point["memory"] for point in samples.read(database, task_id)] == [2]


def test_points_that_are_stored_already_do_not_count_twice(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    points = [(NOW + second, second, 50.0) for second in range(400)]
    for known in (points[:300], points):
        database.change_now(lambda change, p=known: samples.save(change, task_id, number, p))
    assert len(samples.read(database, task_id)) == 400
