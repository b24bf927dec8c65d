"""From JSON Schema to fields of a form, and values back into their text."""

from __future__ import annotations

import pytest

from steelyard.settings.builtin import COMMAND
from steelyard.web.pages.submit_fields import fields, text_of

SCHEMA = {
    "type": "object",
    "properties": {
        "price": {"type": "number", "unit": "USD/t", "minimum": 0, "maximum": 500, "default": 150},
        "years": {"type": "integer", "exclusiveMinimum": 0},
        "pathway": {"enum": ["reference", "net-zero"], "default": "reference", "title": "Pathway"},
        "fast": {"type": "boolean", "default": False},
        "name": {"type": "string", "description": "What for."},
        "odd": {"anyOf": [{"type": "string"}, {"type": "number"}]},
    },
    "required": ["years", "name", "odd"],
}


def test_each_type_has_its_field() -> None:
    found = {one.name: one for one in fields(SCHEMA)}
    kinds = [one.kind for one in found.values()]
    assert kinds == ["number", "integer", "choice", "boolean", "text", "json"]
    price = found["price"]
    assert (price.unit, price.range, price.text, price.default_text) == ("USD/t", "0 to 500", "150", "150")
    assert found["years"].range == "more than 0" and found["years"].required and found["years"].text == ""
    assert found["pathway"].choices == [('"reference"', "reference"), ('"net-zero"', "net-zero")]
    assert (found["pathway"].text, found["pathway"].title) == ('"reference"', "Pathway")
    assert (found["fast"].text, found["fast"].default_text) == ("false", "no")
    assert not found["odd"].many and found["price"].many


def test_an_earlier_tasks_values_stand_in_the_form() -> None:
    given = {"price": 300.5, "pathway": "net-zero", "fast": True, "name": "<b>"}
    found = {one.name: one.text for one in fields(SCHEMA, given)}
    assert found == {
        "price": "300.5", "years": "", "pathway": '"net-zero"', "fast": "true", "name": "<b>", "odd": "",
    }  # fmt: skip


def test_the_built_in_simulation() -> None:
    given = {"argv": ["python3", "model.py", ""], "directory": "~", "environment": {"A": "1=2", "B": None}}
    found = {one.name: one for one in fields(COMMAND.schema(), given)}
    assert [one.kind for one in found.values()] == ["lines", "text", "variables"]
    assert found["environment"].text == "A=1=2\nB"


@pytest.mark.parametrize("value", [["a\nb"], ["[1]"]])
def test_a_list_that_lines_cannot_tell_stands_as_json(value: list[str]) -> None:
    assert text_of("lines", value).startswith("[")
