"""What stands on every page while the database takes no changes: why, what to do, what goes on meanwhile."""

from __future__ import annotations

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.needs import Json
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of


async def fragment(request: Request) -> Response:
    """That alone; empty while all is well."""
    Query(request)
    return render(request, "fragments/storage.html")


def storage_of(request: Request | None) -> Json | None:
    """{"state", "message", "since"}; None for a page that belongs to no request."""
    return supervisor_of(request).storage() if request is not None else None


def register(environment: Environment) -> None:
    """Let every page tell."""
    environment.globals.update(storage_of=storage_of)


ROUTES = [at("/htmx/storage/", get=fragment)]
