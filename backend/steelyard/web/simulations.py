"""/api/simulations/: what can be run, and with which parameters."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query, id_of
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import program as schemas


@describe(schemas.Simulations)
async def listed(request: Request) -> Answer:
    """Every simulation, with its JSON Schema, and what is wrong with the files that hold none."""
    Query(request)
    return Answer(supervisor_of(request).simulations())


@describe(schemas.Simulation)
async def one(request: Request) -> Answer:
    """A simulation with its JSON Schema."""
    Query(request)
    return Answer(supervisor_of(request).simulation(id_of(request, "name")))


ROUTES = [
    at("/api/simulations/", get=listed),
    at("/api/simulations/{name}/", get=one),
]
