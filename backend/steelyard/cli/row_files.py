"""The rows of a sweep in a file: JSON, or CSV as spreadsheets write it.

A spreadsheet writes what its language says: `;` between columns where the comma is in the numbers, WAHR for
true. What could mean two numbers is refused, never guessed.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

import click

from steelyard.cli.values import Schema, fits, name_of, no_number, text_of, typed

_SEPARATOR = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""Excel's first line that says what stands between columns."""
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.\u00a0\u202f ]\d{3})+),\d+(?:[eE][+-]?\d+)?", re.ASCII)
"""A number with a decimal comma, its thousands perhaps apart."""
_TWO_NUMBERS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+", re.ASCII)
"""1.234: with a decimal comma elsewhere, a thousand and more; else a little over one."""
_YES = frozenset({"true", "wahr", "vrai", "vero", "verdadero", "verdadeiro", "waar", "prawda", "sant"})
_NO = frozenset({"false", "falsch", "faux", "falso", "onwaar", "fałsz", "falskt"})
"""How Excel writes them in the languages that it writes them in, in any case of letters."""


def rows_of(path: str, schemas: Mapping[str, Schema]) -> list[dict[str, Any]]:
    """The rows of a sweep: a JSON list of objects, or CSV with a head line. Bad usage for anything else.

    A cell is read as typed() reads it; an empty one leaves its parameter out. Columns are separated by what a
    first line `sep=;` says, else by the commonest of , ; and tab in the head line.
    """
    text, name = text_of(path), name_of(path)
    if text.lstrip()[:1] in ("[", "{"):
        return _of_json(text, name)
    stated = _SEPARATOR.match(text)
    if stated:
        text = text[stated.end() :]
    head = text.lstrip("\r\n").partition("\n")[0]
    separator = stated[1] if stated else max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [[cell.strip() for cell in line] for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise click.BadParameter(f"{name}, line {reader.line_num}: {error}") from None
    if not lines:
        raise click.BadParameter(f"{name} is empty")
    return _Table(name, _without_empty_end(lines), schemas, separator).rows()


def _of_json(text: str, name: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{name} is not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise click.BadParameter(f"{name} holds no JSON list of objects")
    return rows


def _without_empty_end(lines: list[list[str]]) -> list[list[str]]:
    """The lines without columns at the end that have neither a name nor a value: once used, now empty."""
    width = max(number for line in lines for number, cell in enumerate(line, 1) if cell)
    return [line[:width] for line in lines]


class _Table:
    """CSV with a head line, cut into cells."""

    def __init__(
        self, name: str, lines: list[list[str]], schemas: Mapping[str, Schema], separator: str
    ) -> None:
        self._name = name
        self._names, self._lines = lines[0], lines[1:]
        self._schemas = schemas
        # Between commas a comma cannot be in a number, unless quotes keep it: then it groups thousands.
        self._commas = separator != "," and any(
            _COMMA.fullmatch(cell) and self._is_number(name)
            for line in self._lines
            for name, cell in zip(self._names, line, strict=False)
        )

    def rows(self) -> list[dict[str, Any]]:
        """One object a line. Bad usage where the lines do not fit, or a cell can mean two things."""
        if len(set(self._names)) < len(self._names) or not all(self._names):
            twice = sorted({one for one in self._names if one and self._names.count(one) > 1})
            which = f"{twice[0]} stands there twice" if twice else "one has no name"
            raise click.BadParameter(
                f"{self._name}: the head line must name each column, and each by another name; {which}"
            )
        return [self._row(number, line) for number, line in enumerate(self._lines, start=1)]

    def _row(self, number: int, line: list[str]) -> dict[str, Any]:
        if len(line) != len(self._names):
            raise click.BadParameter(
                f"{self._name}: row {number} has {len(line)} cells, the head line {len(self._names)}"
            )
        cells = zip(self._names, line, strict=True)
        return {name: self._value(number, name, cell) for name, cell in cells if cell}

    def _value(self, number: int, name: str, cell: str) -> Any:
        schema = self._schemas.get(name, {})
        if self._commas and self._is_number(name):
            if _TWO_NUMBERS.fullmatch(cell):
                raise click.BadParameter(
                    f"{self._name}: row {number}, {name}: other numbers have a decimal comma, so {cell} may "
                    f"be {cell.replace('.', '')} or {cell.replace('.', ',')}. Write one of them"
                )
            if _COMMA.fullmatch(cell):
                whole, _, rest = cell.partition(",")
                return typed(f"{re.sub('[^0-9+-]', '', whole).lstrip('+')}.{rest}", schema)
        value = typed(cell, schema)
        if not fits(value, schema) and cell.casefold() in _YES | _NO and fits(True, schema):
            return cell.casefold() in _YES
        return value

    def _is_number(self, name: str) -> bool:
        """Whether a parameter takes numbers and no text."""
        kinds = _kinds(self._schemas.get(name, {}))
        return bool(kinds & {"number", "integer"}) and "string" not in kinds


def _kinds(schema: Schema) -> set[str]:
    """The types of JSON Schema that a parameter may have, as far as type, enum and its alternatives say."""
    stated = schema.get("type", ())
    found = {stated} if isinstance(stated, str) else {*stated}
    for value in schema.get("enum", ()) if not found else ():
        found.add("string" if isinstance(value, str) else "number")
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= _kinds(option)
    return found
