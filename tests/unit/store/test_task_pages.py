"""Pages of the task list: newest first, by cursor, with totals."""

from __future__ import annotations

import base64

import pytest

from steelyard.rules.errors import InvalidRequest
from steelyard.rules.states import TaskState
from steelyard.store import tasks
from steelyard.store.database import Database
from steelyard.store.task_pages import page
from tests.unit.store.making import end, new, run, submit, view


def labels(database: Database, **filters: str) -> list[str]:
    found = page(database, filters, 100, None)
    assert found["total"] == len(found["tasks"])
    return [task["label"] for task in found["tasks"]]


def test_an_empty_list(database: Database) -> None:
    assert page(database, {}, 50, None) == {
        "tasks": [],
        "next": None,
        "total": 0,
        "counts": {"READY": 0, "RUNNING": 0, "SUCCEEDED": 0, "FAILED": 0, "CANCELLED": 0},
    }


def test_pages_run_through_all_newest_first_though_tasks_come_meanwhile(database: Database) -> None:
    ids = submit(database, *(new() for _ in range(25)))
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        found = page(database, {}, 10, cursor)
        seen += [task["task_id"] for task in found["tasks"]]
        cursor = found["next"]
        submit(database, new())
    assert cursor is None
    assert seen == ids[::-1]


def test_a_page_that_just_fits_has_no_next(database: Database) -> None:
    submit(database, new(), new())
    assert page(database, {}, 2, None)["next"] is None
    assert page(database, {}, 1, None)["next"] is not None


def test_a_page_holds_views_with_their_attempts(database: Database) -> None:
    first, second = submit(database, new(), new())
    end(database, first, run(database, first), TaskState.READY)
    run(database, first)
    assert page(database, {}, 10, None)["tasks"] == [view(database, second), view(database, first)]


def test_filters_and_their_totals(database: Database) -> None:
    ids = submit(
        database,
        new(label="a", simulation="steel", sweep_id="s1", tags=["x", "y"]),
        new(label="b", simulation="steel", tags=["y"]),
        new(label="c", sweep_id="s1"),
        new(label="d"),
    )
    end(database, ids[1], run(database, ids[1]), TaskState.FAILED)
    run(database, ids[3])
    assert labels(database) == ["d", "c", "b", "a"]
    assert labels(database, state="READY") == ["c", "a"]
    assert labels(database, state="READY,FAILED") == ["c", "b", "a"]
    assert labels(database, simulation="steel") == ["b", "a"]
    assert labels(database, simulation="steel", state="FAILED") == ["b"]
    assert labels(database, sweep="s1") == ["c", "a"]
    assert labels(database, sweep="s1", simulation="steel") == ["a"]
    assert labels(database, tag="y") == ["b", "a"]
    assert labels(database, tag="y", state="READY") == ["a"]
    assert labels(database, tag="y", sweep="s1", q="a") == ["a"]
    assert (
        labels(database, simulation="none") == labels(database, tag="z") == labels(database, sweep="s") == []
    )
    assert page(database, {"state": "READY"}, 1, None)["counts"]["RUNNING"] == 1


def test_filters_hold_on_later_pages(database: Database) -> None:
    submit(database, *(new(label=str(n), tags=["even"] if n % 2 == 0 else []) for n in range(9)))
    for filters in ({"tag": "even"}, {"q": "even"}, {"tag": "even", "q": "even"}):
        first = page(database, filters, 2, None)
        second = page(database, filters, 9, first["next"])
        assert [task["label"] for task in first["tasks"] + second["tasks"]] == ["8", "6", "4", "2", "0"]
        assert first["total"] == second["total"] == 5


@pytest.mark.parametrize("words", ["MÜLL", "müll", "net-zero", "50%", "a_b", "NIGHT", '"ü"', "steel"])
def test_search_finds_a_piece_of_what_is_there(database: Database, words: str) -> None:
    parameters = {"pathway": "net-zero", "x": "ü"}
    (task_id,) = submit(
        database, new(label="Müller 50% a_b", simulation="steel", tags=["night"], parameters=parameters)
    )
    submit(database, new(label="other 50 axb"))
    assert [task["task_id"] for task in page(database, {"q": words}, 9, None)["tasks"]] == [task_id]
    assert page(database, {"q": task_id[:8]}, 9, None)["total"] == 1


def test_an_empty_filter_is_none(database: Database) -> None:
    submit(database, new())
    assert page(database, {"state": "", "q": None, "tag": ""}, 9, "")["total"] == 1


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_outside_is_refused_not_clamped(database: Database, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        page(database, {}, limit, None)


@pytest.mark.parametrize("state", ["ready", "DONE", "READY,", "READY;--"])
def test_an_unknown_state_is_refused(database: Database, state: str) -> None:
    with pytest.raises(InvalidRequest, match="state"):
        page(database, {"state": state}, 10, None)


def test_an_unknown_filter_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="colour"):
        page(database, {"colour": "red"}, 10, None)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "5",
        "§",
        "a b",
        "====",
        encoded("before:0"),
        encoded("before:-1"),
        encoded("before:05"),
        encoded("before:1e3"),
        encoded("before:5 OR 1"),
        encoded("before:" + "9" * 19),
        encoded("after:5"),
        encoded("before:5") + "=",
        encoded("before:٣"),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(database: Database, cursor: str) -> None:
    submit(database, new())
    with pytest.raises(InvalidRequest, match="cursor"):
        page(database, {}, 10, cursor)


def test_counts_follow_every_change_of_state(database: Database) -> None:
    first, second = submit(database, new(), new(simulation="steel"))
    number = run(database, first)
    assert tasks.counts(database) == {"READY": 1, "RUNNING": 1, "SUCCEEDED": 0, "FAILED": 0, "CANCELLED": 0}
    end(database, first, number)
    run(database, second)
    walked = dict(database.execute("SELECT state, count(*) FROM task GROUP BY state").fetchall())
    assert {state: n for state, n in tasks.counts(database).items() if n} == walked
    database.change_now(lambda change: change.execute("DELETE FROM task WHERE id = ?", (first,)))
    assert tasks.counts(database)["SUCCEEDED"] == 0
    assert page(database, {"q": "command"}, 9, None)["total"] == 0


@pytest.mark.parametrize(
    "filters", [{}, {"state": "READY"}, {"tag": "a"}, {"q": "x"}, {"tag": "a", "q": "x"}], ids=str
)
def test_a_page_is_walked_in_order_and_never_sorts_all_that_the_filters_let_through(
    database: Database, filters: dict[str, str]
) -> None:
    submit(database, *(new(label=f"x {n}", tags=["a"]) for n in range(5)))
    asked: list[str] = []
    database._connection.set_trace_callback(asked.append)
    found = page(database, filters, 2, None)
    assert len(page(database, filters, 2, found["next"])["tasks"]) == 2
    database._connection.set_trace_callback(None)
    pages = [sql for sql in asked if "ORDER BY" in sql and "LIMIT 3" in sql]
    assert len(pages) == 2
    for sql in pages:
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]
        assert not [step for step in plan if "TEMP B-TREE" in step], (sql, plan)
