"""Parameter values from the command line and from files: JSON where it is JSON; the schema decides."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import click

from steelyard.machine.decoding import document_of
from steelyard.rules.quantities import format_size

Schema = Mapping[str, Any]

LARGEST = 64 * 1024 * 1024
"""Bytes of a file of parameters; what the server takes of one sweep is a quarter of that."""

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
        value = json.loads(text, parse_constant=no_number)
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
        values = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, list):
        # For a parameter that is a list itself, one list is one value, a list of lists several.
        one_value = fits(values, schema) and not all(fits(value, schema) for value in values)
        return [values] if one_value else values
    return [typed(part.strip(), schema) for part in text.split(",")]


def object_of(path: str) -> dict[str, Any]:
    """The JSON object in a file ("-": stdin); bad usage for anything else."""
    name = name_of(path)
    try:
        found = json.loads(text_of(path), parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{name} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{name} holds no JSON object")
    return found


def name_of(path: str) -> str:
    """What a file that was named on the command line is called."""
    return "standard input" if path == "-" else path


def text_of(path: str) -> str:
    """The text of a file ("-": stdin), with a note where its encoding is guessed; else bad usage."""
    name = name_of(path)
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise click.BadParameter(f"{name} is larger than {format_size(LARGEST)}")
    except OSError as error:
        raise click.BadParameter(f"{name} cannot be read: {error.strerror or error}") from None
    text, guessed = document_of(data)
    if guessed is not None:
        click.echo(f"{name} is not UTF-8; it was read as {guessed}. Excel: save it as CSV UTF-8.", err=True)
    return text


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


def no_number(name: str) -> Any:
    """What json.loads() is to do with NaN and Infinity. ValueError."""
    raise ValueError(f"{name} is no JSON")
