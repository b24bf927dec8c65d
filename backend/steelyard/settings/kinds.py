"""The kinds of values that settings have: how each is read, and what JSON Schema says of it.

Ranges and defaults are the table's.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from steelyard.rules.quantities import parse_duration, parse_size
from steelyard.rules.variables import wrong_with
from steelyard.settings.wording import shown

Value = int | float | str | bool | Path | dict[str, str]
Kind = Literal[
    "integer", "duration", "size", "name", "directory", "folder", "program", "boolean", "choice", "variables"
]

_MOST_VARIABLES = 200
QUEUE_NAME = r"[a-z0-9_-]{1,64}"


def _integer(value: object) -> Value:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a whole number, found {shown(value)}")


def _duration(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected seconds or a text like 90s, 15m, 48h, 2d, found {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"expected a number of seconds, found {shown(value)}")
    return float(parse_duration(value))


def _size(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"expected whole bytes or a text like 8GiB, found {shown(value)}")
    return parse_size(value)


def _name(value: object) -> Value:
    if isinstance(value, str) and re.fullmatch(QUEUE_NAME, value):
        return value
    raise ValueError(f"expected {QUEUE_NAME}, found {shown(value)}")


def _directory(value: object) -> Value:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"expected the path of a folder, found {shown(value)}")
    path = Path(os.path.abspath(os.path.expanduser(value)))
    # The folder may still have to be made: then the nearest one above it that exists counts. Nothing is
    # made here, since `doctor` only asks.
    there = next((each for each in (path, *path.parents) if os.path.lexists(each)), path)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"expected a folder that can be written, and {there} is none")
    return path


def _folder(value: object) -> Value:
    # Whether it is there shows when it is read: a share that is not mounted must not keep Steelyard from
    # starting.
    if isinstance(value, str) and value.strip() and "\0" not in value:
        path = os.path.expanduser(value.strip())
        if os.path.isabs(path):
            return Path(path)
    raise ValueError(f"expected {RANGES['folder']}, found {shown(value)}")


def _program(value: object) -> Value:
    # Whether it is there shows when it is needed: an environment that was deleted must not keep Steelyard
    # from starting.
    if isinstance(value, str) and value.strip() and "\0" not in value:
        path = os.path.expanduser(value.strip())
        if os.path.isabs(path) or not os.path.dirname(path):
            return path
    raise ValueError(f"expected {RANGES['program']}, found {shown(value)}")


def _boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"expected true or false, found {shown(value)}")


def _choice(value: object) -> Value:
    # Which words there are, the table knows.
    if isinstance(value, str):
        return value
    raise ValueError(f"expected a word, found {shown(value)}")


def _variables(value: object) -> Value:
    # A text has one NAME=value a line, as a form sends it.
    if isinstance(value, str):
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        if not all("=" in line for line in lines):
            raise ValueError(f"expected {RANGES['variables']}, found a line without =")
        value = dict((line.split("=", 1)[0].strip(), line.split("=", 1)[1].strip()) for line in lines)
    if not isinstance(value, dict) or len(value) > _MOST_VARIABLES:
        raise ValueError(f"expected {RANGES['variables']}, at most {_MOST_VARIABLES}")
    found: dict[str, str] = {}
    for name, content in value.items():
        if not isinstance(content, str):
            raise ValueError(f"expected a text as the value of {shown(name)}")
        wrong = wrong_with(name, content)
        if wrong is not None:
            raise ValueError(f"{shown(name)}: {wrong}")
        found[name] = content
    return found


READERS: dict[Kind, Callable[[object], Value]] = {
    "integer": _integer,
    "duration": _duration,
    "size": _size,
    "name": _name,
    "directory": _directory,
    "folder": _folder,
    "program": _program,
    "boolean": _boolean,
    "choice": _choice,
    "variables": _variables,
}
"""Kind to what reads it, from text or from JSON. ValueError with what was expected."""

RANGES: dict[Kind, str] = {
    "name": QUEUE_NAME,
    "directory": "a folder that can be written",
    "folder": "the absolute path of a folder",
    "program": "an absolute path, or a program on the PATH",
    "boolean": "true or false",
    "variables": "names with values, one NAME=value a line",
}
"""What to say of the values of kinds that have no numeric range."""

SCHEMAS: dict[Kind, dict[str, object]] = {
    "integer": {"type": "integer"},
    "duration": {
        "type": ["number", "string"],
        "pattern": "^[0-9]+([.][0-9]+)? ?[sSmMhHdD]?$",
        "x-unit": "seconds",
    },
    "size": {
        "type": ["integer", "string"],
        "pattern": "^[0-9]+([.][0-9]+)? ?([kKmMgGtT][iI]?)?[bB]?$",
        "x-unit": "bytes",
    },
    "name": {"type": "string", "pattern": f"^{QUEUE_NAME}$"},
    "directory": {"type": "string", "minLength": 1},
    "folder": {"type": "string", "minLength": 1, "x-range": RANGES["folder"]},
    "program": {"type": "string", "minLength": 1, "x-range": RANGES["program"]},
    "boolean": {"type": "boolean"},
    "choice": {"type": "string"},
    "variables": {
        "type": ["object", "string"],
        "additionalProperties": {"type": "string"},
        "x-range": RANGES["variables"],
    },
}
"""JSON Schema of each kind as preferences.json holds it; x-unit is that of a bare number."""
