"""Which line of a TOML file is meant: tomllib parses, but remembers no places and speaks to programmers."""

from __future__ import annotations

import re

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]?\]\s*(?:#.*)?$")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_KEY = re.compile(rf"\s*((?:{_PART.pattern})(?:\s*\.\s*(?:{_PART.pattern}))*)\s*=")


def line_of(text: str, path: tuple[str, ...], near: str | None = None) -> int:
    """The line (from 1) of the key that path names, else of what holds it, else 1.

    With near: the first line from there on that has this text, such as one element of a long list.
    """
    best, depth = 1, 0
    lines = text.splitlines()
    table: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        header = _HEADER.match(line)
        key = None if header else _KEY.match(line)
        if header:
            here = table = _parts(header[1])
        elif key:
            here = (*table, *_parts(key[1]))
        else:
            continue
        if depth < len(here) <= len(path) and here == path[: len(here)]:
            best, depth = number, len(here)
    if near is not None:
        return next((n for n, line in enumerate(lines[best - 1 :], best) if near in line), best)
    return best


def syntax_fault(text: str, said: str) -> tuple[int, str]:
    """(line, message) from what a TOMLDecodeError said: what was expected, and what stands there."""
    lines = text.splitlines() or [""]
    place = _PLACE.search(said)
    reason = said[: place.start()] if place else said
    if place is None or place[1] is None:
        return len(lines), f"{reason}, and the file ends here"
    line, column = int(place[1]), int(place[2])
    content = lines[line - 1] if line <= len(lines) else ""
    rest = content[column - 1 :].strip()[:40]
    if reason == "Invalid value":
        reason = "expected a text in quotes, a number, true, false, a [list] or a {table}"
    elif reason.startswith("Expected newline or end of document"):
        reason = "expected the end of the line (a text stands in quotes)"
    elif reason.startswith("Illegal character '\\n'"):
        reason = "expected the closing quote of a text"
    return line, f"{reason}, found {rest!r}" if rest else f"{reason}, at the end of {content.strip()[:60]!r}"


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
