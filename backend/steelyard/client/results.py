"""The table of a sweep: its parameters against the numbers of each result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steelyard.client.answers import Result, Task
from steelyard.rules import figures


def of(tasks: Sequence[Task]) -> list[Result]:
    """One result a task, in their order."""
    parameters = [task["parameters"] or {} for task in tasks]
    varied = names_of(parameters)
    varied = [name for name in varied if len({repr(one.get(name)) for one in parameters}) > 1]
    _, numbers = figures.columns([task["result"] for task in tasks])
    return [
        {
            "task_id": task["task_id"],
            "label": task["label"],
            "state": task["state"],
            "cause": task["cause"],
            "parameters": given,
            "varied": {name: given.get(name) for name in varied},
            "result": task["result"],
            "numbers": {name: value for name, value in found.items() if not isinstance(value, str)},
            "remarks": figures.of_result(task["attempts"][-1]["remarks"]) if task["attempts"] else [],
            "seconds": took(task),
            "peak": task["memory"]["peak"],
        }
        for task, given, found in zip(tasks, parameters, numbers, strict=True)
    ]


def names_of(tables: Sequence[dict[str, Any]]) -> list[str]:
    """Every key of any of them, in the order in which they first appear."""
    return list(dict.fromkeys(name for table in tables for name in table))


def took(task: Task) -> float | None:
    """Seconds of its last run, once it has ended; somebody may have set the clock meanwhile."""
    if task["started_at"] is None or task["finished_at"] is None or not task["attempts"]:
        return None
    seconds = task["attempts"][-1]["seconds"]
    return None if seconds is None else round(seconds, 3)
