"""Parameter values from the command line and from files: JSON where it is JSON; the schema decides."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def pairs(given: Sequence[str]) -> dict[str, str]:
    """name=value texts as a dictionary; bad usage for one without a name, or named twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form name=value")
        if name in found:
            raise click.BadParameter(f"{name} is given twice")
        found[name] = value
    return found


def typed(text: str, schema: Schema) -> Any:
    """The value that text stands for under a parameter's JSON Schema.

    A parameter that is text and nothing else keeps it as it is (007 stays "007"). Otherwise the first that
    fits of: the text read as JSON, the text itself. If neither fits, what JSON makes of it: the server then
    says what is wrong with it.
    """
    if schema.get("type") == "string":
        return text
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text
    return text if not fits(value, schema) and fits(text, schema) else value


def fits(value: Any, schema: Schema) -> bool:
    """Whether a value may be what the schema means, by its type, enum and const alone."""
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema and not any(fits(value, option) for option in schema[alternatives]):
            return False
    if "enum" in schema and not any(_equal(value, choice) for choice in schema["enum"]):
        return False
    if "const" in schema and not _equal(value, schema["const"]):
        return False
    names = schema.get("type")
    if names is None:
        return True
    return any(_is(value, name) for name in ([names] if isinstance(names, str) else names))


def value_list(text: str, schema: Schema) -> list[Any]:
    """The values of one axis of a sweep: a JSON list, or texts between commas, each as typed() reads it."""
    try:
        values = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, list):
        # For a parameter that is a list itself, one list is one value, a list of lists several.
        one_value = fits(values, schema) and not all(fits(value, schema) for value in values)
        return [values] if one_value else values
    return [typed(part.strip(), schema) for part in text.split(",")]


def object_of(path: str) -> dict[str, Any]:
    """The JSON object in a file ("-": stdin); bad usage for anything else."""
    name = _name(path)
    try:
        found = json.loads(_read(path), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{name} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{name} holds no JSON object")
    return found


def rows_of(path: str, schemas: Mapping[str, Schema]) -> list[dict[str, Any]]:
    """The rows of a sweep: a JSON list of objects, or CSV with a head line.

    A cell is read as typed() reads it; an empty one leaves its parameter out. Columns are separated by the
    commonest of , ; and tab in the head line, for that is what spreadsheets write.
    """
    text, name = _read(path), _name(path)
    if text.lstrip()[:1] in ("[", "{"):
        try:
            rows = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"{name} is not JSON: {error}") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise click.BadParameter(f"{name} holds no JSON list of objects")
        return rows
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise click.BadParameter(f"{name}, line {reader.line_num}: {error}") from None
    if not lines:
        raise click.BadParameter(f"{name} is empty")
    names = [name.strip() for name in lines[0]]
    if len(set(names)) < len(names) or not all(names):
        raise click.BadParameter(f"{name}: the head line must name each column, and each by another name")
    rows = []
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(names):
            raise click.BadParameter(
                f"{name}: row {number} has {len(line)} cells, the head line {len(names)}"
            )
        cells = zip(names, (cell.strip() for cell in line), strict=True)
        rows.append({name: typed(cell, schemas.get(name, {})) for name, cell in cells if cell})
    return rows


def _name(path: str) -> str:
    return "standard input" if path == "-" else path


def _read(path: str) -> str:
    name = _name(path)
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise click.BadParameter(f"{name} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        # JSON Schema takes 2.0 for an integer.
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))


def _equal(one: Any, other: Any) -> bool:
    # In Python, True == 1; in JSON they are two values.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
