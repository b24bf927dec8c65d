"""Placeholders in a simulation's file: `{scenario}` stands for a parameter, `{{` and `}}` for braces."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CORES, PYTHON = "cores", "python"
"""What Steelyard fills in by itself; a parameter that is called cores goes before the task's cores."""

_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def wrong_in(texts: Sequence[str], parameters: Iterable[str]) -> list[tuple[str, str]]:
    """(the wrong part, what is wrong with it) of every placeholder that stands for nothing."""
    known = {*parameters, CORES, PYTHON}
    found = []
    for text in texts:
        for brace in _BRACE.finditer(text):
            name = brace[1]
            if brace[0] in ("{", "}"):
                single = f"a single {brace[0]} in {json.dumps(text)}; write {brace[0] * 2} for one"
                found.append((text, single))
            elif name is not None and name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {{{close[0]}}}?" if close else ""
                found.append(
                    (brace[0], f"{brace[0]} is no parameter{hint or '; write {{ and }} for braces'}")
                )
    return found


def fill(text: str, values: Mapping[str, Any]) -> str:
    """One text with its placeholders replaced, in one pass: braces inside a value stay what they are."""

    def piece(brace: re.Match[str]) -> str:
        if brace[1] is not None:
            return as_text(values[brace[1]])
        return brace[0][0]

    return _BRACE.sub(piece, text)


def asks_for(text: str, name: str) -> bool:
    """Whether a placeholder of this name stands in text."""
    return any(brace[1] == name for brace in _BRACE.finditer(text))


def as_text(value: Any) -> str:
    """A value inside a command: text as it is, all else as JSON (true, 0.5, [1, 2])."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
