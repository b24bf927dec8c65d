"""/api/preferences/: values, where each comes from, and the schema they obey."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from steelyard.web import bodies
from steelyard.web.answers import Answer
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of


async def view(request: Request) -> Answer:
    """All of them."""
    Query(request)
    return Answer(supervisor_of(request).preferences_view())


async def change(request: Request) -> Answer:
    """Change those that the body names. Which there are, and what each may be, the settings know."""
    Query(request)
    patch: dict[str, Any] = await bodies.read_object(request)
    return Answer(await supervisor_of(request).change_preferences(patch))


ROUTES = [at("/api/preferences/", get=view, patch=change)]
