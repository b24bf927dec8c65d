"""Submitting: all or nothing, `key` makes one task only, `after` names tasks that exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from steelyard.rules.errors import Conflict, InvalidRequest
from steelyard.rules.states import TaskState
from steelyard.store import events, task_pages, tasks
from steelyard.store.database import Database
from tests.unit.store.making import NOW, end, new, run, state, submit, view


def test_a_task_is_stored_as_it_was_submitted(database: Database) -> None:
    (task_id,) = submit(
        database,
        new(
            simulation="steel-pathway",
            parameters={"pathway": "net-zero", "years": [2030, 2031], "note": "ß\n\0"},
            label="A",
            priority=5,
            queue="night",
            tags=["b", "a", "b"],
            sweep_id="s1",
            key="mine",
            timeout=60,
            max_attempts=7,
            claim=2**33,
            claim_source="task",
        ),
    )
    assert view(database, task_id) == {
        "task_id": task_id,
        "simulation": "steel-pathway",
        "parameters": {"pathway": "net-zero", "years": [2030, 2031], "note": "ß\n\0"},
        "label": "A",
        "state": "READY",
        "cause": None,
        "priority": 5,
        "queue": "night",
        "tags": ["b", "a"],
        "sweep_id": "s1",
        "key": "mine",
        "queued_at": "2026-01-15T10:30:00.000Z",
        "started_at": None,
        "finished_at": None,
        "not_before": None,
        "after": [],
        "worker_id": None,
        "attempt": 0,
        "max_attempts": 7,
        "timeout": 60.0,
        "memory": {"claim": 2**33, "source": "task", "peak": None},
        "cpu_seconds": None,
        "progress": None,
        "message": "",
        "eta": None,
        "suspended": False,
        "waiting_for": None,
        "checkpoint_at": None,
        "unsaved": None,
        "result": None,
        "attempts": [],
    }
    assert len(task_id) == 12 and int(task_id, 16) >= 0


def test_each_task_has_one_event_with_its_view(database: Database) -> None:
    first, second = submit(database, new(), new(tags=["a"]))
    found = events.since(database, 0, 10)
    assert [(event.kind, event.subject) for event in found] == [("task", first), ("task", second)]
    assert found[1].data == view(database, second)


def test_large_parameters_stand_as_null_in_the_event_only(database: Database) -> None:
    (task_id,) = submit(database, new(parameters={"text": "ü" * 5000}))
    assert view(database, task_id)["parameters"] == {"text": "ü" * 5000}
    (event,) = events.since(database, 0, 10)
    assert event.data["parameters"] is None


def test_the_same_key_again_is_the_same_task(database: Database) -> None:
    first = database.change_now(lambda change: tasks.insert(change, [new(key="k")]))
    again = database.change_now(lambda change: tasks.insert(change, [new(key="k"), new(key="k", label="x")]))
    assert first[0][1] is True
    assert again == [(first[0][0], False)] * 2
    assert tasks.counts(database)["READY"] == 1


async def test_the_same_key_twice_in_one_turn_makes_one_task(database: Database) -> None:
    made = await asyncio.gather(
        *(database.change(lambda change: tasks.insert(change, [new(key="k")])) for _ in range(3))
    )
    assert len({task_id for ((task_id, _),) in made}) == 1
    assert [created for ((_, created),) in made] == [True, False, False]


def test_one_bad_task_and_none_is_queued(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="nothere"):
        submit(database, new(), new(after=["nothere"]))
    assert tasks.counts(database)["READY"] == 0
    assert events.last_seq(database) == 0


@pytest.mark.parametrize(
    "changes", [{"label": "\ud800"}, {"parameters": {"a": "\udfff"}}, {"claim": 2**70}, {"tags": ["\ud800"]}]
)
def test_what_no_row_can_hold_is_a_bad_request(database: Database, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="cannot be stored"):
        submit(database, new(**changes))
    assert tasks.counts(database)["READY"] == 0


def test_numbers_of_any_size_and_nan_survive_as_json(database: Database) -> None:
    (task_id,) = submit(database, new(parameters={"big": 10**30, "nan": float("nan")}))
    assert view(database, task_id)["parameters"] == {"big": 10**30, "nan": None}


def test_a_task_waits_for_those_that_have_not_succeeded(database: Database) -> None:
    done, waiting = submit(database, new(), new())
    end(database, done, run(database, done))
    (task_id,) = submit(database, new(after=[done, waiting, waiting]))
    assert view(database, task_id)["after"] == [done, waiting]
    assert tasks.unfinished_predecessors(database, [task_id]) == {task_id: [waiting]}
    assert [row["id"] for row in tasks.runnable(database, "default", 10)] == [waiting]


@pytest.mark.parametrize("ended", [TaskState.FAILED, TaskState.CANCELLED])
def test_after_a_task_that_failed_it_ends_rejected_at_once(database: Database, ended: TaskState) -> None:
    (before,) = submit(database, new())
    end(database, before, run(database, before), ended)
    (task_id,) = submit(database, new(after=[before]))
    found = view(database, task_id)
    assert (found["state"], found["cause"]) == ("CANCELLED", "rejected")
    assert found["finished_at"] is not None and before in found["message"]
    (after,) = submit(database, new(after=[task_id]))
    assert state(database, after) == "CANCELLED"


def test_a_later_moment_holds_a_task_and_a_past_one_does_not(database: Database) -> None:
    held, free = submit(database, new(not_before=NOW + 60), new(not_before=NOW - 60))
    assert [row["id"] for row in tasks.runnable(database, "default", 10)] == [free]
    assert tasks.held_until(database, [held]) == {held: NOW + 60}
    assert view(database, held)["not_before"] == "2026-01-15T10:31:00.000Z"


def test_ten_thousand_tasks_in_one_change(database: Database) -> None:
    ids = submit(database, *(new(label=str(number)) for number in range(10_000)))
    assert len(set(ids)) == 10_000
    assert tasks.counts(database)["READY"] == 10_000
    assert [row["id"] for row in tasks.runnable(database, "default", 3)] == ids[:3]


def test_a_key_belongs_to_one_computation(database: Database) -> None:
    same = new(simulation="demo", parameters={"price": 1, "year": 2030}, key="monday")
    [task_id] = submit(database, same)
    again = new(simulation="demo", parameters={"year": 2030, "price": 1}, key="monday", priority=9)
    assert submit(database, again) == [task_id]
    for other, differs in (
        ({"simulation": "demo", "parameters": {"price": 99, "year": 2030}}, "has another price"),
        ({"simulation": "demo", "parameters": {"price": 1}}, "has another year"),
        ({"simulation": "walk", "parameters": same.parameters}, "is a run of demo"),
    ):
        with pytest.raises(Conflict) as refused:
            submit(database, new(), new(key="monday", **other))
        assert f"The key 'monday' belongs to task {task_id}, which {differs}." in refused.value.message
        assert refused.value.detail == {"key": "monday", "task_id": task_id}
    assert task_pages.page(database, {}, 10, None)["total"] == 1
