"""What a program gives as JSON: also numbers and tables of numpy, pandas and polars, and paths and dates.

None of them is imported: what can turn itself into a plain value is asked to.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from steelyard.rules.errors import InvalidRequest

LABEL = 80
"""Characters of a command line that label its task."""


def as_json(body: Mapping[str, Any]) -> bytes:
    """The body of a request. InvalidRequest names what in it cannot be sent, and why."""
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        try:
            where, why = next(_faults(body, ""), ("a value", str(error)))
        except RecursionError:
            where, why = "a value", "it is inside itself, or too deep"
        raise InvalidRequest(f"{where} cannot be sent: {why}") from None


def rows_of(table: Any) -> list[dict[str, Any]]:
    """The rows of a table: of a DataFrame of pandas or polars, or of an iterable of mappings."""
    if hasattr(table, "to_dicts"):  # polars
        table = table.to_dicts()
    elif hasattr(table, "to_dict"):  # pandas
        table = table.to_dict("records")
    rows = list(table)
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) and not hasattr(row, "keys"):
            raise InvalidRequest(f"rows[{number}] is no mapping of names to values: {row!r:.60}")
    return [dict(row) for row in rows]


def axes_of(grid: Mapping[str, Iterable[Any]]) -> dict[str, Any]:
    """The values of each parameter of a grid. A text is one value and no list: the server refuses it."""
    return {
        name: values if isinstance(values, str | bytes) else list(values) for name, values in grid.items()
    }


def words_of(argv: Iterable[str | os.PathLike[str]]) -> list[str]:
    """A program and its arguments. InvalidRequest for a command line in one text: no shell takes it apart."""
    if isinstance(argv, str):
        raise InvalidRequest(f"argv is a list: the program, then each argument; found {argv!r:.60}")
    words = [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in argv]
    for word in words:
        if not _is_text(word):
            raise InvalidRequest(
                "rename the file, or let a shell in the task find it (sh -c 'cat gr*.txt'), for "
                f"{word!r:.80} holds bytes that are no text in UTF-8"
            )
    return words


def label_of(words: list[str]) -> str:
    """What a task is called that runs these words."""
    return shlex.join(words)[:LABEL]


def absolute(directory: str | os.PathLike[str]) -> str:
    """A folder's path from the root. InvalidRequest where you are in a folder that is gone."""
    try:
        return os.path.abspath(directory)
    except FileNotFoundError:
        raise InvalidRequest(
            "the folder that you are in has been deleted: go to another one, or say in which one to run"
        ) from None


def _plain(value: Any) -> Any:
    """What stands for a value that JSON does not know. TypeError, with a reason, where nothing does."""
    if getattr(getattr(value, "dtype", None), "kind", None) in ("m", "M"):
        raise TypeError("a moment of numpy has no form in JSON; give it as text")
    if hasattr(value, "tolist"):
        plain = value.tolist()
        if type(plain) is not type(value):
            return plain
    elif isinstance(value, os.PathLike):
        return os.fspath(value)
    elif hasattr(value, "isoformat"):
        text = value.isoformat()
        if text != "NaT":
            return text
    if _is_missing(value):
        raise TypeError("it is a missing value; leave it out, or give None")
    raise TypeError(f"JSON has no form for a {type(value).__name__}")


def _is_missing(value: Any) -> bool:
    """Whether it is pandas' NaT or NA, of which there is one each."""
    return type(value).__name__ in ("NaTType", "NAType")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _faults(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where something is that cannot be sent, and why; the first is as good as all."""
    where = path or "a value"
    match value:
        case str():
            if not _is_text(value):
                yield where, f"{value!r:.80} holds bytes that are no text in UTF-8"
        case float():
            if not math.isfinite(value):
                yield where, f"JSON has no form for {value!r}; leave it out, or give None"
        case None | bool() | int():
            pass
        case dict():
            for name, inner in value.items():
                yield from _faults_of_name(name, where)
                yield from _faults(inner, f"{path}.{name}" if path else f"{name}")
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from _faults(inner, f"{path}[{number}]")
        case _:
            try:
                plain = _plain(value)
            except TypeError as error:
                yield where, str(error)
            else:
                yield from _faults(plain, path)


def _faults_of_name(name: object, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str | int | float | None):
        yield where, f"the name {name!r:.60} in it is no text"
    else:
        yield from _faults(name, f"a name in {where}")
