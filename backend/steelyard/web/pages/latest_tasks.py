"""The latest tasks, short: what the first page shows below the workers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.needs import Json, Needs
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

SHOWN = 12
"""A sweep of a dozen scenarios is seen whole."""


def latest(supervisor: Needs) -> Json:
    """The newest tasks, and how many there are in all."""
    return supervisor.tasks({}, SHOWN)


async def fragment(request: Request) -> Response:
    """The list alone."""
    Query(request)
    return render(request, "fragments/latest_tasks.html", page=latest(supervisor_of(request)))


ROUTES = [at("/htmx/tasks/latest/", get=fragment)]
