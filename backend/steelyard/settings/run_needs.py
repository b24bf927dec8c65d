"""What a simulation's file says of the cores of a run and of its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from steelyard.rules.variables import wrong_with
from steelyard.settings.placeholders import wrong_in
from steelyard.settings.simulation import MOST_CORES
from steelyard.settings.wording import shown, suggestion

_PARAMETER = re.compile(r"\{([^{}]*)\}")


def read_cores(stated: object, parameters: Mapping[str, Any]) -> tuple[int, str | None]:
    """The cores that each run claims, and the parameter that says how many, where one does: the number is
    then that of its default. ValueError with what was expected.
    """
    named = _PARAMETER.fullmatch(stated) if isinstance(stated, str) else None
    if named is None:
        if isinstance(stated, bool) or not isinstance(stated, int) or not 1 <= stated <= MOST_CORES:
            expected = f"expected a whole number from 1 to {MOST_CORES}, found {shown(stated)}"
            raise ValueError(f'{expected}; a parameter stands in braces: "{{ranks}}"')
        return stated, None
    name = named[1]
    if name not in parameters:
        raise ValueError(f"{named[0]} is no parameter{suggestion(name, parameters)}")
    schema = parameters[name] if isinstance(parameters[name], dict) else {}
    if not _is_whole(schema):
        raise ValueError(f'expected a parameter of type "integer", and {name} is none')
    for value in (schema.get("default", 1), *schema.get("enum", ())):
        if not 1 <= value <= MOST_CORES:
            raise ValueError(f"expected {name} from 1 to {MOST_CORES}, and it may be {shown(value)}")
    return schema.get("default", 1), name


def read_variables(table: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a section [environment] as texts, those without fault."""
    return {name: str(value) for name, value in table.items() if _is_text(value)}


def wrong_variables(table: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, what is wrong) of the variables of a section [environment]."""
    for name, value in table.items():
        if not _is_text(value):
            yield name, f"expected a text, found {shown(value)}"
            continue
        wrong = wrong_with(name, str(value))
        if wrong is not None:
            yield name, wrong
        for _, message in wrong_in([str(value)], parameters):
            yield name, message


def _is_text(value: object) -> bool:
    """A number is as good as its text; true is none: one program wants 1, the other yes."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_whole(schema: Mapping[str, Any]) -> bool:
    """Whether a parameter can be nothing but a whole number."""
    choices = schema.get("enum")
    if isinstance(choices, list):
        return all(isinstance(one, int) and not isinstance(one, bool) for one in choices)
    return schema.get("type") == "integer" and isinstance(schema.get("default", 1), int)
