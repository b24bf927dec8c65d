"""/api/events/: the event log."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web.answers import Answer
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of

LATEST = 2**53
"""No `seq` is higher: the largest that every JSON reader takes for a whole number."""


async def listed(request: Request) -> Answer:
    """A page of events after `since`, oldest first."""
    query = Query(request, "since", "limit")
    return Answer(supervisor_of(request).events(query.whole("since", 0, LATEST) or 0, query.limit()))


ROUTES = [at("/api/events/", get=listed)]
