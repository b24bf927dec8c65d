"""From the JSON Schema of a simulation's parameters to the fields of a form. Pure: values in, values out.

What a schema says beyond this, the server judges when the form is sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["number", "integer", "choice", "boolean", "text", "lines", "variables", "json"]

Json = dict[str, Any]

MOST_CHOICES = 200
"""Values of an enum that are offered as a list; more are typed in, as JSON."""


@dataclass(slots=True)
class Field:
    """One parameter as a form shows it.

    kind: how its text is read (static/submit_values.js). text: what stands in it at first. unit, range and
    default_text: for people. choices: (JSON of the value, its text). many: whether several values of it may
    be tried, one task each.
    """

    name: str
    kind: Kind
    title: str
    help: str
    unit: str
    text: str
    default_text: str | None
    range: str
    required: bool
    choices: list[tuple[str, str]] = field(default_factory=list)

    @property
    def many(self) -> bool:
        """A list of lists would be no help to anybody."""
        return self.kind not in ("lines", "variables", "json")


def fields(schema: Json, given: Json | None = None) -> list[Field]:
    """A field for each parameter, in the order of the file. given: values that stand in it instead of the
    defaults (a task that is run again).
    """
    required = set(schema.get("required", ()))
    return [
        _field(name, one, given or {}, name in required) for name, one in schema.get("properties", {}).items()
    ]


def _field(name: str, schema: Json, given: Json, required: bool) -> Field:
    kind, choices = _kind(schema)
    has_default = "default" in schema
    value = given[name] if name in given else schema.get("default")
    known = name in given or has_default
    unit = schema.get("unit", "")
    return Field(
        name=name,
        kind=kind,
        title=str(schema.get("title") or name),
        help=str(schema.get("description") or ""),
        unit="" if unit in ("", "1") else str(unit),
        text=text_of(kind, value) if known else "",
        default_text=_short(schema["default"]) if has_default else None,
        range=_range(schema),
        required=required,
        choices=choices,
    )


def _kind(schema: Json) -> tuple[Kind, list[tuple[str, str]]]:
    if isinstance(schema.get("enum"), list) and len(schema["enum"]) <= MOST_CHOICES:
        return "choice", [(json.dumps(value), _short(value)) for value in schema["enum"]]
    kind = schema.get("type")
    if kind in ("number", "integer", "boolean"):
        choices = [("true", "yes"), ("false", "no")] if kind == "boolean" else []
        return kind, choices
    if kind == "string":
        return "text", []
    if kind == "array" and schema.get("items", {}).get("type") == "string":
        return "lines", []
    extra = schema.get("additionalProperties")
    if kind == "object" and "properties" not in schema and isinstance(extra, dict) and _is_text(extra):
        return "variables", []
    return "json", []


def _is_text(schema: Json) -> bool:
    kind = schema.get("type")
    return kind == "string" or (isinstance(kind, list) and set(kind) == {"string", "null"})


def text_of(kind: Kind, value: Any) -> str:
    """A value as the text of its field; static/submit_values.js reads it back."""
    if kind in ("choice", "boolean", "json"):
        return json.dumps(value, ensure_ascii=kind == "choice", indent=None if kind != "json" else 2)
    if kind == "lines" and isinstance(value, list) and _are_lines(value):
        return "\n".join(value)
    if kind == "variables" and isinstance(value, dict):
        return "\n".join(name if text is None else f"{name}={text}" for name, text in value.items())
    if kind == "text" and isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _are_lines(value: list[Any]) -> bool:
    """Whether a list can be told one element a line; else it stands there as JSON."""
    return all(isinstance(one, str) and "\n" not in one for one in value) and not (
        value and value[0].lstrip().startswith("[")
    )


def _range(schema: Json) -> str:
    """ "0 to 500", "at least 1", "more than 0", "" """
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    said = [f"at least {low:g}"] if low is not None else [f"more than {over:g}"] if over is not None else []
    if high is not None or under is not None:
        said.append(f"at most {high:g}" if high is not None else f"less than {under:g}")
    return ", ".join(said)


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
