"""From a command line to the text of a simulation's file, for a person who goes on from there. Pure.

`{price}` in the command is a parameter, `{price=100}` one with a default, which also says its type. Any other
brace stays what it is: `{print $1}` is awk's, `${HOME}` the shell's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steelyard.settings.parameters import NAME
from steelyard.settings.placeholders import CORES, PYTHON

_BRACE = re.compile(rf"(?<!\$)\{{({NAME.pattern})(?:=([^{{}}]*))?\}}|[{{}}]")

_HEAD = """\
# Written by `steelyard simulations new`: change it as you like, it is read again by itself.
# docs/simulations.md explains every key.
"""
_RUN = """\

[run]
workspace = "fresh"             # each run in a folder of its own, with what lies in `directory` brought in
# copy = ["*.inp"]              # instead of all of it: files that each run gets as its own,
# link = ["weather.nc"]         # and large ones that runs only read
# keep = ["*.dat"]              # of what a run wrote, only this is kept
"""
_RESOURCES = """\

[resources]
{memory}# cores = 1                     # those that a run keeps busy
# timeout = "48h"
# attempts = 3
"""
_NO_MEMORY = '# memory = "8GiB"               # the expected peak; without it the first runs show it\n'
_NO_PARAMETERS = """\

# [parameters]
# price = {type = "number", minimum = 0, default = 100.0, unit = "USD/t"}
"""


@dataclass(frozen=True)
class Draft:
    """A command as the file has it, and the JSON Schema of each parameter in it."""

    command: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]


def draft(argv: Sequence[str]) -> Draft:
    """What a command line declares. ValueError for a placeholder that contradicts another one."""
    found: dict[str, dict[str, Any]] = {}

    def piece(brace: re.Match[str]) -> str:
        name, default = brace[1], brace[2]
        if name is None:
            return brace[0] * 2
        if name == PYTHON and default is not None:
            raise ValueError(f"{{{PYTHON}}} is filled in by Steelyard; choose another name for the parameter")
        if name == PYTHON or (name == CORES and default is None and CORES not in found):
            return f"{{{name}}}"
        if default is not None:
            stated = _schema(default)
            if found.get(name) and found[name] != stated:
                raise ValueError(f"{name} has two defaults, {found[name]['default']!r} and {default!r}")
            found[name] = stated
        found.setdefault(name, {})
        return f"{{{name}}}"

    command = tuple(_BRACE.sub(piece, element) for element in argv)
    return Draft(command, {name: schema or {"type": "string"} for name, schema in found.items()})


def text_of(
    drafted: Draft, *, name: str, title: str, directory: str, python: str | None, memory: str | None
) -> str:
    """The file as text. directory, memory: as the file is to state them; None: it is left open."""
    lines = [
        _HEAD,
        "[simulation]",
        f"name = {_quoted(name)}",
        f"title = {_quoted(title)}",
        f"command = [{', '.join(_quoted(element) for element in drafted.command)}]",
        f"directory = {_quoted(directory)}",
    ]
    if python is not None:
        lines.append(f"python = {_quoted(python)}            # what {{python}} stands for")
    stated = "" if memory is None else f"memory = {_quoted(memory)}\n"
    text = "\n".join(lines) + "\n" + _RUN + _RESOURCES.format(memory=stated or _NO_MEMORY)
    declared = [f"{parameter} = {_inline(schema)}\n" for parameter, schema in drafted.parameters.items()]
    return text + ("\n[parameters]\n" + "".join(declared) if declared else _NO_PARAMETERS)


def _schema(default: str) -> dict[str, Any]:
    """What a default says about its parameter: a number is a number, all else but true and false is text."""
    try:
        value = json.loads(default, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        value = None
    for kind, types in (("boolean", bool), ("integer", int), ("number", float)):
        if isinstance(value, types) and math.isfinite(value):
            return {"type": kind, "default": value}
    return {"type": "string", "default": default}


def _inline(schema: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key} = {_value(value)}" for key, value in schema.items()) + "}"


def _value(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """A basic string of TOML: that of JSON, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
