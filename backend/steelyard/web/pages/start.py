"""The first page: the Worker Status section, and the latest tasks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steelyard.web.describing import Answer, describe
from steelyard.web.pages.forecast import told
from steelyard.web.pages.latest_tasks import latest
from steelyard.web.pages.worker_status import arranged
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of


async def start_page(request: Request) -> Response:
    """The first page."""
    Query(request)
    supervisor = supervisor_of(request)
    return render(
        request,
        "start.html",
        status=arranged(supervisor.status()),
        forecast=told(await supervisor.forecast()),
        page=latest(supervisor),
    )


@describe({303: Answer(media="", text="The start page is there.", headers={"location": "/"})})
async def admin(request: Request) -> Response:
    """Where the predecessor had its start page."""
    return RedirectResponse("/", 303)


ROUTES = [
    at("/", get=start_page),
    at("/admin/", get=admin),
]
