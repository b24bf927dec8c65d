"""How the command line says things: moments, shares, sizes, and text that came from outside."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from steelyard.rules import figures
from steelyard.rules.quantities import format_duration, format_size
from steelyard.rules.timestamps import unix

NOTHING = "–"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: object) -> str:
    """Text that came from outside, as one line that cannot steer a terminal: labels, messages, names."""
    return "".join(
        (" " if character in "\n\r\t" else "\N{REPLACEMENT CHARACTER}")
        if unicodedata.category(character) in _HIDDEN
        else character
        for character in str(text)
    )


def size(value: float | None) -> str:
    """Bytes, as "3.1 GiB"."""
    return NOTHING if value is None else format_size(value)


def duration(seconds: float | None) -> str:
    """Seconds, as "2 h 40 min"."""
    return NOTHING if seconds is None else format_duration(seconds)


def share(fraction: float | None) -> str:
    """A share of 0 to 1, as "42 %"; it is 100 % only when all of it is done."""
    return NOTHING if fraction is None else f"{int(fraction * 100)} %"


def relative(moment: str | None, now: float) -> str:
    """A moment seen from now (Unix seconds): "3 min ago", "in 2 h 40 min", "now"."""
    if moment is None:
        return NOTHING
    away = unix(moment) - now
    if abs(away) < 1:
        return "now"
    if away > 0:
        return f"in {format_duration(away)}"
    # Of the past the largest unit is enough.
    return " ".join(format_duration(-away).split()[:2]) + " ago"


def due(moment: str, now: float) -> str:
    """When something is expected to be done: "done in 2 h 40 min", in its last second "nearly done"."""
    return f"done {relative(moment, now)}" if unix(moment) - now >= 1 else "nearly done"


def value(thing: Any, more: int = 0) -> str:
    """A parameter or result in a cell: text as it is, numbers short, the rest as it prints.

    more: digits that the numbers of its column need to be told apart.
    """
    if isinstance(thing, float):
        return figures.text(thing, more)
    if isinstance(thing, bool | list | dict):
        return plain(json.dumps(thing, ensure_ascii=False))
    return NOTHING if thing is None else plain(thing)
