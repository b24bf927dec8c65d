"""Submitting tasks: what a new task is, and how many of them go into the queue in one breath."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from steelyard.rules.errors import Conflict, InvalidRequest
from steelyard.rules.states import ENDED_TASKS, TaskState
from steelyard.store.database import Change
from steelyard.store.records import Row, from_json, to_json
from steelyard.store.successors import reject, state_of_predecessor, write_event
from steelyard.store.tables import Task
from steelyard.store.task_text import index_tags, index_text


@dataclass(slots=True)
class NewTask:
    """A task as it is submitted; whatever could be refused about its parameters has been checked before."""

    simulation: str
    parameters: dict[str, Any]
    claim: int
    """Bytes it is weighed with."""
    claim_source: str
    """Where the claim comes from: "task", "simulation", "learned" or "default"."""
    label: str = ""
    priority: int = 0
    queue: str = "default"
    tags: list[str] = field(default_factory=list)
    sweep_id: str | None = None
    ordered: bool = False
    """Inside its sweep the order of the tasks counts."""
    key: str | None = None
    """The submitter's own name for it: a second submit with it makes no second task."""
    not_before: float | None = None
    """Unix seconds."""
    after: list[str] = field(default_factory=list)
    """Ids of tasks that must have succeeded first."""
    timeout: float = 172_800.0
    """Seconds of awake time an attempt may take; 0: no limit."""
    max_attempts: int = 3
    cores: int = 1
    forced: bool = False


_NAMES = [name for name in Task._meta.columns if name != "serial"]
_INSERT = f"INSERT INTO task({', '.join(_NAMES)}) VALUES ({', '.join(':' + name for name in _NAMES)})"
_BLANK: dict[str, Any] = dict.fromkeys(_NAMES)
_ABSENT = object()
_BY_KEY = "SELECT id, simulation, parameters FROM task WHERE key = ?"
_NEXT_POSITION = "SELECT coalesce(max(position), 0) + 1 FROM task"


def insert(change: Change, new: Iterable[NewTask], now: float | None = None) -> list[tuple[str, bool]]:
    """Queue tasks, in this order: (id, True) of each, or (id of the task that has its key already, False).

    now: Unix s, the transaction's moment unless given. InvalidRequest, and none is queued, for a predecessor
    that does not exist (so there are no cycles), or a value that no row can hold. Conflict, and none is
    queued, for a key whose task computes something else. A task whose predecessor has failed or was cancelled
    ends CANCELLED at once, cause `rejected`.
    """
    now = change.now if now is None else now
    position = int(change.execute(_NEXT_POSITION).fetchone()[0])
    results: list[tuple[str, bool]] = []
    for task in new:
        if task.key is not None:
            existing = change.execute(_BY_KEY, (task.key,)).fetchone()
            if existing is not None:
                _refuse_another(task, existing)
                results.append((existing["id"], False))
                continue
        try:
            results.append((_insert_one(change, task, position, now), True))
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidRequest(f"A task holds a value that cannot be stored: {error}.") from error
        position += 1
    return results


def _refuse_another(task: NewTask, known: Row) -> None:
    """Conflict unless the task that has this key is the same computation: one of the two is a mistake."""
    parameters = from_json(known["parameters"])
    if task.simulation != known["simulation"]:
        differs = f"is a run of {known['simulation']}"
    else:
        names = parameters.keys() | task.parameters.keys()
        others = sorted(n for n in names if parameters.get(n, _ABSENT) != task.parameters.get(n, _ABSENT))
        if not others:
            return
        differs = f"has another {', another '.join(others[:3])}{', ...' if others[3:] else ''}"
    raise Conflict(
        f"The key {task.key!r} belongs to task {known['id']}, which {differs}."
        " Take another key for a new task.",
        key=task.key,
        task_id=known["id"],
    )


def _insert_one(change: Change, task: NewTask, position: int, now: float) -> str:
    task_id = secrets.token_hex(6)
    predecessors = list(dict.fromkeys(task.after))
    tags = list(dict.fromkeys(task.tags))
    states = [state_of_predecessor(change, predecessor) for predecessor in predecessors]
    row = {
        **_BLANK,
        "id": task_id,
        "position": position,
        "simulation": task.simulation,
        "parameters": to_json(task.parameters),
        "label": task.label,
        "state": TaskState.READY.value,
        "priority": task.priority,
        "queue": task.queue,
        "tags": to_json(tags),
        "predecessors": to_json(predecessors),
        "sweep_id": task.sweep_id,
        "ordered": task.ordered,
        "key": task.key,
        "queued_at": now,
        "not_before": task.not_before,
        "held_until": task.not_before if task.not_before is not None and task.not_before > now else None,
        "blockers": sum(state is not TaskState.SUCCEEDED for state in states),
        "attempt": 0,
        "budget_from": 0,
        "max_attempts": task.max_attempts,
        "timeout": float(task.timeout),
        "claim": task.claim,
        "claim_source": task.claim_source,
        "cores": task.cores,
        "cancel_requested": False,
        "passes": 0,
        "forced": task.forced,
        "message": "",
    }
    serial = change.execute(_INSERT, row).lastrowid
    assert serial is not None
    index_text(change, serial, row)
    if tags:
        index_tags(change, serial, tags)
    if predecessors:
        change.executemany(
            "INSERT INTO task_after(predecessor_id, task_id) VALUES (?, ?)",
            [(predecessor, task_id) for predecessor in predecessors],
        )
    write_event(change, row)
    for predecessor, state in zip(predecessors, states, strict=True):
        if state in ENDED_TASKS and state is not TaskState.SUCCEEDED:
            reject(change, task_id, f"task {predecessor}, for which it waited, ended {state}", now)
            break
    return task_id
