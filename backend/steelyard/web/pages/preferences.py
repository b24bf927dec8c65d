"""Preferences: every setting with its unit, range and source, and a lock where the environment rules.

An empty field is a setting that nobody has set: the default holds, and stands in the field in grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.quantities import format_duration, format_size
from steelyard.web.needs import Json
from steelyard.web.pages.task_wording import grouped
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

DESKTOP_HEADER = "X-Steelyard-Desktop"
"""Main puts it on its window's requests, where it puts the token: so a page knows where it is shown."""

_SIZES = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_DURATIONS = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting for the template. text: what a person set, empty if nobody did; kind: how it is sent."""

    key: str
    title: str
    meaning: str
    kind: str
    range: str
    default: str
    text: str
    now: str
    source: str
    variable: str | None
    choices: tuple[str, ...]
    desktop: bool

    @property
    def locked(self) -> bool:
        """Whether the environment fixes it."""
        return self.source == "environment"


async def page(request: Request) -> Response:
    """The page."""
    Query(request)
    return render(request, "preferences.html", settings=_settings(request))


async def form(request: Request) -> Response:
    """The form alone, after a change."""
    Query(request)
    return render(request, "fragments/preferences_form.html", settings=_settings(request))


def _settings(request: Request) -> list[Setting]:
    """Those of the desktop program stand last, and only for its window."""
    view = supervisor_of(request).preferences_view()
    values, sources = view["values"], view["sources"]
    in_desktop = request.headers.get(DESKTOP_HEADER) == "1"
    found = [
        _setting(key, schema, values.get(key), str(sources.get(key, "default")))
        for key, schema in view["schema"]["properties"].items()
    ]
    return [one for one in found if in_desktop or not one.desktop]


def _setting(key: str, schema: Json, value: Any, source: str) -> Setting:
    unit = schema.get("x-unit")
    default = schema.get("default")
    return Setting(
        key=key,
        title=str(schema["title"]),
        meaning=str(schema["description"]).replace("`", ""),
        kind=_kind(schema),
        range=_range(schema),
        default=str(schema.get("x-default") or _said(default, unit)),
        text="" if source == "default" else _typed(value, unit),
        now=_said(value, unit),
        source=source,
        variable=schema.get("x-variable"),
        choices=tuple(schema.get("enum", ())),
        desktop=bool(schema.get("x-desktop")),
    )


def _kind(schema: Json) -> str:
    if "enum" in schema:
        return "choice"
    if schema["type"] == "boolean":
        return "boolean"
    if "additionalProperties" in schema:
        return "variables"
    return "integer" if schema["type"] == "integer" else "quantity"


def _range(schema: Json) -> str:
    low, high, unit = schema.get("minimum"), schema.get("maximum"), schema.get("x-unit")
    if low is not None and high is not None:
        return f"{_said(low, unit)} to {_said(high, unit)}"
    if "enum" in schema:
        return f"{', '.join(schema['enum'][:-1])} or {schema['enum'][-1]}"
    if "x-range" in schema:
        return str(schema["x-range"])
    if "pattern" in schema:
        return "1 to 64 of a to z, 0 to 9, _ and -"
    return "yes or no" if schema["type"] == "boolean" else "a folder that can be written"


def _said(value: Any, unit: str | None) -> str:
    """For reading: 8.0 GiB, 2 d, 4, yes."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(value) or "none"
    if unit == "bytes":
        return format_size(value).replace(".0 ", " ")
    if unit == "seconds":
        return format_duration(value)
    return grouped(value) if isinstance(value, int) and value >= 10_000 else str(value)


def _typed(value: Any, unit: str | None) -> str:
    """For a field, so that it reads back as exactly this value: 8 GiB, 2d, 90s, 4, true."""
    if isinstance(value, bool):
        return str(value).lower()
    if unit == "bytes":
        name, size = next(((n, s) for n, s in _SIZES if value and value % s == 0), ("B", 1))
        return f"{value // size} {name}"
    if unit == "seconds":
        name, size = next(((n, s) for n, s in _DURATIONS if value and value % s == 0), ("s", 1))
        return f"{value / size:g}{name}" if value % 1 == 0 else f"{value}s"
    if isinstance(value, dict):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    return "" if value is None else str(value)


ROUTES = [
    at("/preferences/", get=page),
    at("/htmx/preferences/", get=form),
]
