"""Notices for a person that were given while no page was open: the latest few, to be shown by notices.js."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.timestamps import unix
from steelyard.web.events import LATEST
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.wording import CLOCKS
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

LOOKED_THROUGH = 500
"""Events, from the latest back: what lies before is old news."""
OLDEST = 24 * 3600.0
SHOWN = 3


async def fragment(request: Request) -> Response:
    """Those after `since`, the last event that this person has seen a notice of."""
    since = Query(request, "since").whole("since", 0, LATEST) or 0
    return render(request, "fragments/notices.html", notices=latest(supervisor_of(request), since))


def latest(supervisor: Needs, since: int) -> list[Json]:
    """The newest notices, the oldest of them first: {"seq", "at", "kind", "subject", "data"}."""
    start = max(since, supervisor.last_seq() - LOOKED_THROUGH)
    events = supervisor.events(start, LOOKED_THROUGH)["events"]
    oldest = CLOCKS.wall() - OLDEST
    found = [one for one in events if one.get("kind") == "prompt" and unix(one["at"]) > oldest]
    return found[-SHOWN:]


ROUTES = [at("/htmx/notices/", get=fragment)]
