"""Read the result that an attempt left in its output folder, as far as it can be understood."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steelyard.machine.decoding import document_of
from steelyard.machine.regular_files import Unreadable, open_below, read_all
from steelyard.rules import figures
from steelyard.rules.quantities import format_size
from steelyard.store.records import from_json, storable, to_json

NAME = figures.RESULT
LIMIT = 64 * 1024
"""Bytes of a result kept in the task's row. Of a larger one lists and long texts stay in the file alone."""
READ_LIMIT = 16 << 20
"""Bytes of the file that are read."""
DEEPEST = 100
"""Lists and objects inside each other that are kept."""

_LONGEST_NUMBER = 300
"""Digits of a whole number that is kept to the last of them; every float has fewer."""
_LONG_TEXT = 200
"""Characters of a text that is kept of a large result."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What result.json held."""

    value: Any = None
    """Its JSON value; None where there is none to keep. NaN and infinities are texts (figures.spelled)."""
    remark: str | None = None
    """For people: why not all of it was taken."""


def read_result(folder: Path) -> ResultFile:
    """Read the result.json of an output folder. It reads up to READ_LIMIT bytes: call it in a thread."""
    try:
        with open_below(folder.parent, folder.name, NAME) as file:
            data = read_all(file, READ_LIMIT)
    except Unreadable as error:
        return ResultFile() if error.missing else ResultFile(remark=f"{NAME} {error}.")
    text, word = document_of(data)
    if not text.strip():
        return ResultFile(remark=f"{NAME} is empty.")
    read = _Reading(len(data))
    if word is not None:
        read.remarks.append(f"{NAME} is not UTF-8; it was read as {word}.")
    try:
        value = read.value_of(text)
    except RecursionError:
        return ResultFile(remark=f"{NAME} could not be read: it is nested too deeply.")
    except ValueError as error:
        return ResultFile(remark=f"{NAME} could not be read: {error}.")
    return ResultFile(value, read.remark())


class _Reading:
    """One result on its way from JSON as programs write it to JSON that every reader takes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.remarks: list[str] = []
        self._strange: list[str] = []
        self._deep: list[str] = []
        self._broken: list[str] = []
        self._twice: list[str] = []
        self._left: list[str] = []

    def value_of(self, text: str) -> Any:
        """The value to keep. ValueError, RecursionError."""
        # Python's own parser calls these for each number and object: between them others have their turn.
        parsed = json.loads(text, parse_int=_whole, parse_float=_float, object_pairs_hook=self._object)
        value = self._plain(parsed, "", 0)
        if len(to_json(value)) > LIMIT:
            value = self._small(value, "", _Room(LIMIT))
        return from_json(to_json(value))

    def remark(self) -> str | None:
        """All that is to be said of it."""
        start = f"{NAME} has {format_size(self._size)}, more than is kept here"
        self._say(self._left, start, "stands in the file alone", "stand in the file alone")
        self._say(self._strange, NAME, "is not a number", "are not numbers")
        self._say(
            self._twice,
            NAME,
            "stands there twice, and the last counts",
            "stand there twice, and the last count",
        )
        self._say(self._broken, NAME, "holds half a character", "hold half a character")
        self._say(self._deep, NAME, "is nested too deeply and left out", "are nested too deeply and left out")
        return " ".join(self.remarks) or None

    def _say(self, names: list[str], start: str, one: str, many: str) -> None:
        if names:
            named = ", ".join(name[:80] for name in names[:5]) + (", ..." if names[5:] else "")
            self.remarks.append(f"{start}: {named} {one if len(names) == 1 else many}.")

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            self._twice += (
                [key for key in found if keys.count(key) > 1][:10] if len(keys) < 1_000 else ["a key"]
            )
        return found

    def _plain(self, value: Any, name: str, depth: int) -> Any:
        """The value without what no row of a database holds."""
        if isinstance(value, float) and not math.isfinite(value):
            self._strange.append(name or "the result")
            return figures.spelled(value)
        if isinstance(value, str):
            return self._whole_text(value, name)
        if not isinstance(value, dict | list):
            return value
        if len(value) > LIMIT // 2:
            self._left.append(name or "the result")
            return None
        if depth >= DEEPEST:
            self._deep.append(name or "the result")
            return None
        if isinstance(value, list):
            return [self._plain(inner, f"{name}[{index}]", depth + 1) for index, inner in enumerate(value)]
        return {
            self._whole_text(key, name): self._plain(inner, _below(name, key), depth + 1)
            for key, inner in value.items()
        }

    def _whole_text(self, text: str, name: str) -> str:
        kept = storable(text)
        if kept != text:
            self._broken.append(name or "the result")
        return kept

    def _small(self, value: Any, name: str, room: _Room) -> Any:
        """As much of an object as there is room for: its numbers and short texts, in their order."""
        if not isinstance(value, dict):
            kept = not isinstance(value, list) and not (isinstance(value, str) and len(value) > _LONG_TEXT)
            if kept and room.takes(value):
                return value
            self._left.append(name or "the result")
            return None
        kept_of: dict[str, Any] = {}
        for key, inner in value.items():
            before = len(self._left)
            if not room.takes(key):
                self._left.append(_below(name, key))
                break
            found = self._small(inner, _below(name, key), room)
            if len(self._left) == before or found is not None:
                kept_of[key] = found
        return kept_of


class _Room:
    """Bytes of JSON that may still be kept."""

    def __init__(self, size: int) -> None:
        self._left = size - 2

    def takes(self, value: object) -> bool:
        """Whether there is room for one more key or value, which then is taken."""
        size = len(to_json(value).encode()) + 3
        if size > self._left:
            return False
        self._left -= size
        return True


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_NUMBER else float(text)


def _float(text: str) -> float:
    # A function of ours: the parser's own would keep all other threads waiting until the end of the file.
    return float(text)


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
