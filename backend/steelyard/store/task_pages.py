"""Pages of the task list, newest first, by cursor: a task that is submitted meanwhile moves nothing."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from peewee import Expression, ModelSelect, fn

from steelyard.rules.errors import InvalidRequest
from steelyard.rules.states import TaskState
from steelyard.store.records import Pages, Reader
from steelyard.store.tables import Task, TaskTag, TaskText
from steelyard.store.task_text import fold
from steelyard.store.task_views import views

MAX_LIMIT = 1_000
"""Tasks a page holds at most."""

FILTERS = ("state", "simulation", "sweep", "tag", "q")
"""What a page may be filtered by; all that are given must hold."""

Given = Mapping[str, str]

_CURSOR = re.compile(r"before:([1-9][0-9]{0,17})")


def page(
    database: Pages, filters: Mapping[str, str | None], limit: int, cursor: str | None
) -> dict[str, Any]:
    """{"tasks": views, "next": cursor or None, "total": under the filters, "counts": all tasks by state}.

    filters: state (one, or several joined by commas), simulation, sweep, tag, q (a piece of label, id,
    simulation, tags, or of the first 500 characters of the parameters; case does not count). InvalidRequest
    for an unknown filter, state or cursor, and a limit outside 1 to 1000.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"limit: from 1 to {MAX_LIMIT}, found {limit}.", limit=limit)
    given = {name: value for name, value in filters.items() if value}
    unknown = given.keys() - set(FILTERS)
    if unknown:
        raise InvalidRequest(f"There is no filter {', '.join(sorted(unknown))}.")
    states = _states(given.get("state"))
    total = _total(database, given, states)
    query = _filtered(Task.select(Task), given, states)
    # All three are the same number; by that of the narrow table SQLite walks it in order and need not sort.
    order = TaskTag.serial if "tag" in given else TaskText.serial if "q" in given else Task.serial
    if cursor:
        query = query.where(order < _position_of(cursor))
    rows = database.rows(query.order_by(order.desc()).limit(limit + 1)) if total else []
    more, rows = len(rows) > limit, rows[:limit]
    return {
        "tasks": views(database, rows),
        "next": _cursor_at(rows[-1]["serial"]) if more else None,
        "total": total,
        "counts": counts(database),
    }


def counts(reader: Reader) -> dict[str, int]:
    """State -> number of tasks; every state is there. It walks a handful of counters, not the tasks."""
    found = dict(reader.execute("SELECT state, sum(n) FROM task_count GROUP BY state").fetchall())
    return {state.value: int(found.get(state.value, 0)) for state in TaskState}


def _states(text: str | None) -> list[str]:
    try:
        return [TaskState(name).value for name in text.split(",")] if text else []
    except ValueError:
        raise InvalidRequest(f"state: one of {', '.join(TaskState)}, found {text!r:.60}.") from None


def _filtered(query: ModelSelect[Any], given: Given, states: list[str]) -> ModelSelect[Any]:
    """`query` over Task with every filter that is given; joins, so that a page stops when it is full."""
    if len(states) == 1:
        query = query.where(Task.state == states[0])
    elif states:
        query = query.where(Task.state.in_(states))
    if "simulation" in given:
        query = query.where(Task.simulation == given["simulation"])
    if "sweep" in given:
        query = query.where(Task.sweep_id == given["sweep"])
    if "tag" in given:
        query = query.join(TaskTag, on=TaskTag.serial == Task.serial).where(TaskTag.tag == given["tag"])
    if "q" in given:
        query = query.join_from(Task, TaskText, on=TaskText.serial == Task.serial)
        query = query.where(_holds(given["q"]))
    return query


def _holds(words: str) -> Expression:
    return fn.instr(TaskText.text, fold(words)) > 0


def _total(database: Pages, given: Given, states: list[str]) -> int:
    """How many tasks the filters let through, by the narrowest table that can tell."""
    if given.keys() <= {"state", "simulation"}:
        rows = database.execute("SELECT state, simulation, n FROM task_count").fetchall()
        return sum(
            n
            for state, simulation, n in rows
            if (not states or state in states) and given.get("simulation", simulation) == simulation
        )
    query: ModelSelect[Any]
    if given.keys() == {"tag"}:
        query = TaskTag.select(fn.count(TaskTag.serial)).where(TaskTag.tag == given["tag"])
    elif given.keys() == {"q"}:
        query = TaskText.select(fn.count(TaskText.serial)).where(_holds(given["q"]))
    else:
        query = _filtered(Task.select(fn.count(Task.serial)), given, states)
    return int(database.rows(query)[0][0])


def _cursor_at(serial: int) -> str:
    return base64.urlsafe_b64encode(f"before:{serial}".encode()).decode().rstrip("=")


def _position_of(cursor: str) -> int:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None or _cursor_at(int(match[1])) != cursor:
        raise InvalidRequest("cursor: use the `next` of a page, as it is.")
    return int(match[1])
