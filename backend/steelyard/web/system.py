"""/healthz, /api/system/ and /api/forecast/: whether the sidecar lives, on what machine, and till when."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.rules.errors import ShuttingDown
from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import program as schemas


@describe(schemas.Health, refuses=(ShuttingDown,))
async def health(request: Request) -> Answer:
    """Whether the sidecar lives and is not on its way out."""
    Query(request)
    if supervisor_of(request).stopping:
        raise ShuttingDown("Steelyard is shutting down.")
    return Answer({"status": "ok"})


@describe(schemas.System)
async def system(request: Request) -> Answer:
    """What machine and program this is."""
    Query(request)
    return Answer(supervisor_of(request).system())


@describe(schemas.Forecast)
async def forecast(request: Request) -> Answer:
    """When the queue is done, with 1, 2, ... workers, and what bounds it."""
    Query(request)
    return Answer(await supervisor_of(request).forecast())


ROUTES = [
    at("/api/forecast/", get=forecast),
    at("/healthz", get=health),
    at("/api/system/", get=system),
]
