"""Values of -p and of files: JSON where it is JSON, and then the schema decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from steelyard.cli import values


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("007", {"type": "string"}, "007"),
        ("7", {"type": "string"}, "7"),
        ('"a"', {"type": "string"}, '"a"'),
        ("null", {"type": "string"}, "null"),
        ("7", {"type": "integer"}, 7),
        ("7", {"type": "number"}, 7),
        ("1e3", {"type": "integer"}, 1000.0),
        ("abc", {"type": "integer"}, "abc"),
        ("7.5", {"type": "integer"}, 7.5),
        ("true", {"type": "boolean"}, True),
        ("7", {}, 7),
        ("007", {}, "007"),
        ("a=b", {}, "a=b"),
        ("", {}, ""),
        ("NaN", {"type": "number"}, "NaN"),
        ("Infinity", {}, "Infinity"),
        ("[" * 100_000, {}, "[" * 100_000),
        ("7", {"type": ["string", "null"]}, "7"),
        ("null", {"type": ["string", "null"]}, None),
        ("7", {"type": ["string", "number"]}, 7),
        ("3", {"enum": ["3", "4"]}, "3"),
        ("3", {"enum": [3, "4"]}, 3),
        ("5", {"enum": ["3", 4]}, 5),
        ("1", {"enum": [True, "1"]}, "1"),
        ("7", {"anyOf": [{"type": "string"}, {"type": "boolean"}]}, "7"),
        ("7", {"const": "7"}, "7"),
        ('["a", 1]', {"type": "array"}, ["a", 1]),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
    ],
)
def test_a_text_becomes_what_the_schema_means(text: str, schema: dict[str, Any], value: object) -> None:
    found = values.typed(text, schema)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("1,2,3", {"type": "integer"}, [1, 2, 3]),
        ("007, 8", {"type": "string"}, ["007", "8"]),
        ("a", {}, ["a"]),
        ("[1, 2]", {"type": "integer"}, [1, 2]),
        ('["a,b", "c"]', {"type": "string"}, ["a,b", "c"]),
        ("[1, 2]", {"type": "array"}, [[1, 2]]),
        ("[[1], [2]]", {"type": "array"}, [[1], [2]]),
        ("reference,3", {"enum": ["reference", 3]}, ["reference", 3]),
        ('["a"]', {"type": "integer"}, ["a"]),
    ],
)
def test_an_axis_of_a_sweep(text: str, schema: dict[str, Any], expected: list[object]) -> None:
    assert values.value_list(text, schema) == expected


def test_pairs() -> None:
    assert values.pairs(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in (["a"], ["=1"], ["a=1", "a=2"]):
        with pytest.raises(click.BadParameter):
            values.pairs(wrong)


@pytest.mark.parametrize(
    ("data", "why"), [(b"[1]", "no JSON object"), (b'{"a": NaN}', "NaN is no JSON"), (b"x", "is not JSON")]
)
def test_an_object_that_is_none(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "object"
    path.write_bytes(data)
    with pytest.raises(click.BadParameter, match=why):
        values.object_of(str(path))
    with pytest.raises(click.BadParameter, match="cannot be read"):
        values.object_of(str(tmp_path / "none"))
