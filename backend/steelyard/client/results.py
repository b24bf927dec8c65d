"""The table of a sweep: its parameters against the numbers of each result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from steelyard.client.answers import Result, Task
from steelyard.rules.timestamps import unix

_DEEPEST = 4


def of(tasks: Sequence[Task]) -> list[Result]:
    """One result a task, in their order."""
    parameters = [task["parameters"] or {} for task in tasks]
    varied = names_of(parameters)
    varied = [name for name in varied if len({repr(one.get(name)) for one in parameters}) > 1]
    return [
        {
            "task_id": task["task_id"],
            "label": task["label"],
            "state": task["state"],
            "cause": task["cause"],
            "parameters": given,
            "varied": {name: given.get(name) for name in varied},
            "result": task["result"],
            "numbers": dict(numbers(task["result"])),
            "seconds": _seconds(task),
            "peak": task["memory"]["peak"],
        }
        for task, given in zip(tasks, parameters, strict=True)
    ]


def names_of(tables: Sequence[dict[str, Any]]) -> list[str]:
    """Every key of any of them, in the order in which they first appear."""
    return list(dict.fromkeys(name for table in tables for name in table))


def numbers(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """The numbers of a result by name: those of an object inside it as "outer.inner", a bare one "result"."""
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in value.items():
            yield from numbers(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name or "result", value


def _seconds(task: Task) -> float | None:
    start, end = task["started_at"], task["finished_at"]
    return None if start is None or end is None else round(unix(end) - unix(start), 3)
