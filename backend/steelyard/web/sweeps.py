"""/api/sweeps/: many scenarios of one simulation in one request."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import tasks as schemas
from steelyard.web.tasks import UNFIT


@describe(schemas.Sweep, status=201, body=forms.SubmitSweep, refuses=UNFIT)
async def submit(request: Request) -> Answer:
    """Queue one task a scenario, all or none."""
    Query(request)
    form = await bodies.read(request, forms.SubmitSweep, bodies.BATCH_LIMIT)
    sweep_id, task_ids = await supervisor_of(request).submit_sweep(forms.sweep_of(form))
    return Answer({"sweep_id": sweep_id, "task_ids": task_ids}, 201)


ROUTES = [at("/api/sweeps/", post=submit)]
