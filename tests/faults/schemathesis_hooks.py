"""Loaded by schemathesis in a process of its own (SCHEMATHESIS_HOOKS): what its requests are bent to."""

from __future__ import annotations

from typing import Any

import schemathesis

KNOWN_SIMULATION = "quick"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Whole numbers without a fraction, and every other simulation one that there is.

    JSON Schema takes 45.0 for an integer; this API does not, and docs/http.md says so.
    """
    if isinstance(case.body, dict | list):
        case.body = _whole(case.body)
    if not case.meta.generation.mode.is_positive:
        return
    for one in _tasks(case.body):
        name = one.get("simulation")
        if isinstance(name, str) and len(name) % 2:
            one["simulation"] = KNOWN_SIMULATION
            # Random ids are nobody's, and random sizes more than any machine has.
            one |= {"after": None, "memory": None}
            one |= {part: {"n": 3} for part in ("parameters", "base") if part in one}
            if one.get("grid"):
                one["grid"] = {"n": [1, 2]}
            if one.get("rows"):
                one["rows"] = [{"n": 1}, {}]


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _tasks(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    more = body.get("tasks")
    return [body, *(one for one in more if isinstance(one, dict))] if isinstance(more, list) else [body]
