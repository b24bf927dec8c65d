"""The parameters of a simulation: one JSON Schema each, checked when the file is read and at submit.

Whatever passes here is substituted into a command, written as JSON, and shown: so it is plain JSON, without
NaN, without NUL, and of the type that its author declared. jsonschema does the validation proper.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.patterns import compiled
from steelyard.settings.wording import sentence, shown, suggestion

Schema = dict[str, Any]

DEEPEST = 32
"""Levels of lists and objects in one parameter."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
RESERVED = frozenset({"python"})
"""Names of placeholders that the program itself fills in."""

_WORDS = """
type enum const default title description examples format unit deprecated
minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern
items prefixItems contains minContains maxContains minItems maxItems uniqueItems
properties patternProperties additionalProperties propertyNames required dependentRequired
minProperties maxProperties anyOf oneOf allOf not if then else
"""
_KEYWORDS = frozenset(_WORDS.split())
_SAYS_WHAT = ("type", "enum", "const", "anyOf", "oneOf")
_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_ONE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_TABLES = ("properties", "patternProperties")


class Wrong(NamedTuple):
    """What is wrong, and where: names joined by dots."""

    path: str
    message: str


class Parameters:
    """The parameters that one simulation takes. `schemas` has passed faults()."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self.schemas = dict(schemas)
        self._validators = {name: Draft202012Validator(schema) for name, schema in self.schemas.items()}
        # The rows of a sweep share most of their values: each is validated once. With its type, since to
        # Python 1, 1.0 and True are the same key.
        self._passed: set[tuple[str, type, object]] = set()

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with defaults, in the order of the file. InvalidParameters lists every wrong one."""
        found: dict[str, Any] = {}
        wrong: list[Wrong] = []
        for name, schema in self.schemas.items():
            if name in given:
                found[name] = self._checked(name, given[name], wrong)
            elif "default" in schema:
                found[name] = copy.deepcopy(schema["default"])
            else:
                wrong.append(Wrong(name, "it is required"))
        for name in given:
            if name not in self.schemas:
                hint = suggestion(name, self.schemas)
                wrong.append(Wrong(str(name)[:80], "there is no such parameter" + hint))
        if wrong:
            told = "; ".join(f"{each.path}: {each.message}" for each in wrong[:3])
            raise InvalidParameters(
                "The parameters do not fit the simulation: " + sentence(told + "; ..." * (len(wrong) > 3)),
                errors=[each._asdict() for each in wrong],
            )
        return found

    def schema(self) -> Schema:
        """JSON Schema of the object that holds all parameters."""
        return {
            "type": "object",
            "properties": copy.deepcopy(self.schemas),
            "required": [name for name, schema in self.schemas.items() if "default" not in schema],
            "additionalProperties": False,
        }

    def _checked(self, name: str, value: Any, wrong: list[Wrong]) -> Any:
        small = isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 200)
        key = (name, type(value), value) if small else None
        if key is not None and key in self._passed:
            return _whole(value, self.schemas[name])
        found = list(_not_plain(value, name)) or list(_invalid(self._validators[name], value, name))
        wrong += found
        if not found and key is not None and len(self._passed) < 10_000:
            self._passed.add(key)
        return _whole(value, self.schemas[name])


def faults(name: str, schema: object) -> Iterator[Wrong]:
    """What is wrong with the declaration of one parameter."""
    if not NAME.fullmatch(name):
        yield Wrong(name, "expected a name of letters, digits, _ and -, beginning with a letter")
        return
    if name in RESERVED:
        yield Wrong(name, f"{{{name}}} is filled in by Steelyard; choose another name")
        return
    if not isinstance(schema, dict):
        yield Wrong(name, f'expected a JSON Schema like {{type = "number"}}, found {shown(schema)}')
        return
    found = [*_not_plain(schema, name), *_odd_keywords(schema, name)]
    if not found and not any(word in schema for word in _SAYS_WHAT):
        found.append(Wrong(name, 'expected type (like type = "number"), enum, const, anyOf or oneOf'))
    if not found:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            found.append(Wrong(_join(name, error.path), _in_words(error)))
    if not found and "default" in schema:
        found += [
            Wrong(f"{name}.default", f"it does not fit its own schema: {each.message}")
            for each in _invalid(Draft202012Validator(schema), schema["default"], name)
        ]
    yield from found


def _odd_keywords(schema: Schema, path: str) -> Iterator[Wrong]:
    """Words that JSON Schema would pass over in silence, references, and patterns that do not compile."""
    for word, content in schema.items():
        here = f"{path}.{word}"
        if word == "required" and not isinstance(content, list):
            yield Wrong(here, "a parameter without default is required; leave this out")
        elif word not in _KEYWORDS and not word.startswith("x-"):
            yield Wrong(here, "JSON Schema has no such word here" + suggestion(word, _KEYWORDS))
        elif word == "type":
            for each in content if isinstance(content, list) else [content]:
                if each not in _TYPES:
                    hint = suggestion(each, _TYPES)
                    yield Wrong(here, f"expected one of {', '.join(_TYPES)}, found {shown(each)}{hint}")
        elif word == "enum" and content == []:
            yield Wrong(here, "expected at least one value")
        elif word == "pattern" and isinstance(content, str):
            yield from _no_pattern(content, here)
        elif word in _ONE and isinstance(content, dict):
            yield from _odd_keywords(content, here)
        elif word in _LISTS and isinstance(content, list):
            for number, each in enumerate(content):
                if isinstance(each, dict):
                    yield from _odd_keywords(each, f"{here}.{number}")
        elif word in _TABLES and isinstance(content, dict):
            for key, each in content.items():
                if word == "patternProperties":
                    yield from _no_pattern(key, here)
                if isinstance(each, dict):
                    yield from _odd_keywords(each, f"{here}.{key}")


def _no_pattern(text: str, path: str) -> Iterator[Wrong]:
    try:
        compiled(text)
    except ValueError as error:
        yield Wrong(path, str(error))


def _not_plain(value: object, path: str, depth: int = 0) -> Iterator[Wrong]:
    """What JSON, a command line or a database could not carry."""
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            yield Wrong(path, f"expected a finite number, found {value}")
    elif isinstance(value, str):
        if "\0" in value:
            yield Wrong(path, "a text cannot hold NUL")
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            yield Wrong(path, "a text cannot hold half a surrogate pair")
    elif depth >= DEEPEST and isinstance(value, list | dict):
        yield Wrong(path, f"nested deeper than {DEEPEST} levels")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _not_plain(each, f"{path}.{number}", depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _not_plain(key, f"{path}.{shown(key)}", depth + 1)
            yield from _not_plain(each, f"{path}.{key}", depth + 1)
    else:
        yield Wrong(path, f"expected text, a number, true, false, a list or a table, found {shown(value)}")


def _invalid(validator: Draft202012Validator, value: object, name: str) -> Iterator[Wrong]:
    for number, error in enumerate(validator.iter_errors(value)):
        if number == 20:
            return
        yield Wrong(_join(name, error.path), _in_words(error))


def _in_words(error: ValidationError | SchemaError) -> str:
    """The common cases in our words, the rest in jsonschema's; the value, which came from outside, cut."""
    asked, found = error.validator_value, shown(error.instance)
    if error.validator == "type":
        return f"expected {' or '.join(asked) if isinstance(asked, list) else asked}, found {found}"
    if error.validator == "enum" and isinstance(asked, list):
        return f"expected one of {shown(asked, 300)[1:-1]}, found {found}"
    if error.validator == "minimum":
        return f"expected at least {asked}, found {found}"
    if error.validator == "maximum":
        return f"expected at most {asked}, found {found}"
    if error.validator == "exclusiveMinimum":
        return f"expected more than {asked}, found {found}"
    if error.validator == "exclusiveMaximum":
        return f"expected less than {asked}, found {found}"
    if error.validator == "pattern":
        return f"expected a text of the pattern {asked}, found {found}"
    return error.message if len(error.message) <= 300 else error.message[:297] + "..."


def _whole(value: Any, schema: Schema) -> Any:
    """3.0 as 3 where an integer is declared: JSON Schema takes both, a program's int() does not."""
    is_whole = schema.get("type") == "integer" and isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value


def _join(name: str, path: Iterable[object]) -> str:
    return ".".join([name, *map(str, path)])
