"""What a handler says of itself for /openapi.json, right above it: its answers, its body, its refusals.

Summary and description are the handler's docstring. What holds for every address (who is let in, methods,
bodies that are no JSON) is added by openapi, so nobody repeats it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from steelyard.rules.errors import SteelyardError

JSON = "application/json"
HTML = "text/html"

_HANDLER = TypeVar("_HANDLER", bound=Callable[..., Any])


@dataclass(frozen=True)
class Parameter:
    """A parameter behind the question mark: its name, JSON Schema and meaning."""

    name: str
    schema: Mapping[str, Any]
    text: str
    repeated: bool = False
    """Whether it is given once for each value of a list; else those stand in one, with commas between."""


@dataclass(frozen=True)
class Answer:
    """An answer of one status: a type of schemas (None: no JSON), its media type ("" for no body), words."""

    type: type[msgspec.Struct] | None = None
    media: str = JSON
    text: str = "Done."
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header -> meaning."""


@dataclass(frozen=True)
class Description:
    """All that one handler says of itself."""

    answers: Mapping[int, Answer]
    body: type[msgspec.Struct] | Mapping[str, Any] | None = None
    """The form that validates the body, or a JSON Schema where the settings do; None: it takes no body."""
    query: tuple[Parameter, ...] = ()
    refusals: tuple[type[SteelyardError], ...] = ()
    open: bool = False
    """Whether it can be had without authentication."""


def describe(
    answer: type[msgspec.Struct] | Mapping[int, Answer],
    *query: Parameter,
    status: int = 200,
    body: type[msgspec.Struct] | Mapping[str, Any] | None = None,
    refuses: tuple[type[SteelyardError], ...] = (),
    open: bool = False,
) -> Callable[[_HANDLER], _HANDLER]:
    """A decorator that leaves the handler as it is and notes what it answers.

    answer: the type of its JSON, which comes with `status`; or each status with its Answer.
    refuses: those refusals that not every address has.
    """
    answers = answer if isinstance(answer, Mapping) else {status: Answer(answer)}

    def note(handler: _HANDLER) -> _HANDLER:
        setattr(handler, _MARK, Description(answers, body, query, refuses, open))
        return handler

    return note


def description_of(handler: Callable[..., Any]) -> Description | None:
    """What the handler says of itself; None: it is a page for people, and says nothing."""
    found = getattr(handler, _MARK, None)
    return found if isinstance(found, Description) else None


_MARK = "steelyard_description"


def whole(name: str, lowest: int, highest: int, text: str, default: int | None = None) -> Parameter:
    """A whole number, as Query.whole reads it."""
    schema: dict[str, Any] = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Parameter(name, schema if default is None else {**schema, "default": default}, text)


def flag(name: str, text: str) -> Parameter:
    """Yes or no, as Query.yes reads it."""
    return Parameter(name, {"type": "boolean", "default": False}, text)


def texts(name: str, most: int, text: str) -> Parameter:
    """A text that may be given several times, as Query.texts reads it."""
    one = {"type": "string", "maxLength": 1000}
    return Parameter(name, {"type": "array", "items": one, "maxItems": most}, text, repeated=True)


def words(name: str, text: str, **schema: Any) -> Parameter:
    """Text, as Query.text reads it; `schema` replaces or narrows its JSON Schema."""
    return Parameter(name, {"type": "string", "maxLength": 1000, **schema}, text)
