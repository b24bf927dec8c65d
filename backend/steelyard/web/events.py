"""/api/events/: the event log."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web.answers import Answer
from steelyard.web.describing import describe, whole
from steelyard.web.queries import LIMIT, Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import events as schemas

LATEST = 2**53
"""No `seq` is higher: the largest that every JSON reader takes for a whole number."""


@describe(schemas.Events, whole("since", 0, LATEST, "The `seq` after which to begin.", 0), LIMIT)
async def listed(request: Request) -> Answer:
    """A page of events after `since`, oldest first."""
    query = Query(request, "since", "limit")
    return Answer(supervisor_of(request).events(query.whole("since", 0, LATEST) or 0, query.limit()))


ROUTES = [at("/api/events/", get=listed)]
