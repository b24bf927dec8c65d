"""/api/preferences/: values, where each comes from, and the schema they obey."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from steelyard.rules.errors import Conflict
from steelyard.settings.table import SETTINGS
from steelyard.web import bodies
from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import program as schemas


@describe(schemas.Preferences)
async def view(request: Request) -> Answer:
    """Every setting that holds, and where it comes from."""
    Query(request)
    return Answer(supervisor_of(request).preferences_view())


_CHANGE: dict[str, Any] = {
    "title": "PreferencesChange",
    "description": "Those to change; null takes one back to its default.",
    "type": "object",
    "properties": {one.key: {"anyOf": [one.schema, {"type": "null"}]} for one in SETTINGS},
    "additionalProperties": False,
}


@describe(schemas.Preferences, body=_CHANGE, refuses=(Conflict,))
async def change(request: Request) -> Answer:
    """Change those that the body names; GET has their schema."""
    Query(request)
    patch: dict[str, Any] = await bodies.read_object(request)
    return Answer(await supervisor_of(request).change_preferences(patch))


ROUTES = [at("/api/preferences/", get=view, patch=change)]
