"""JSON as a tree that a page can bear: so deep, so many leaves, each text cut."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

MOST = 2_000
"""Leaves and branches drawn; what is left is said, and stands in the file."""
DEEPEST = 24
LONGEST = 500
"""Characters of one text."""


@dataclass(slots=True)
class Branch:
    """One value: `text` of a leaf, or `children` of an object or a list, of which `left` are not drawn."""

    name: str
    kind: str
    text: str = ""
    children: list[Branch] = field(default_factory=list)
    left: int = 0


def tree(value: Any) -> Branch:
    """The whole tree of a value."""
    return _branch("", value, [MOST], 0)


def _branch(name: str, value: Any, budget: list[int], depth: int) -> Branch:
    if not isinstance(value, dict | list) or not value or depth >= DEEPEST:
        return Branch(name, _kind(value), _text(value))
    entries = list(value.items()) if isinstance(value, dict) else [(str(n), v) for n, v in enumerate(value)]
    branch = Branch(name, "object" if isinstance(value, dict) else "list", f"{len(entries)}")
    for key, each in entries:
        if budget[0] <= 0:
            branch.left = len(entries) - len(branch.children)
            break
        budget[0] -= 1
        branch.children.append(_branch(str(key)[:LONGEST], each, budget, depth + 1))
    return branch


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "word"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "empty"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
