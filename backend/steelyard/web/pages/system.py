"""System: what this machine admits and why, versions, paths, simulations with their faults, the log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.needs import Json, Needs
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

LOG_CHARACTERS = 20_000


async def page(request: Request) -> Response:
    """The page."""
    Query(request)
    supervisor = supervisor_of(request)
    return render(
        request,
        "system.html",
        **_capacity(supervisor),
        known=supervisor.simulations(),
        log=supervisor.sidecar_log(LOG_CHARACTERS),
    )


async def capacity(request: Request) -> Response:
    """What is admitted, alone."""
    Query(request)
    return render(request, "fragments/system_capacity.html", **_capacity(supervisor_of(request)))


async def log(request: Request) -> Response:
    """The log alone."""
    Query(request)
    return render(
        request, "fragments/system_log.html", log=supervisor_of(request).sidecar_log(LOG_CHARACTERS)
    )


def _capacity(supervisor: Needs) -> Json:
    system = supervisor.system()
    return {"system": system, "limits": system["limits"], "memory": system["memory"]}


ROUTES = [
    at("/system/", get=page),
    at("/htmx/system/capacity/", get=capacity),
    at("/htmx/system/log/", get=log),
]
