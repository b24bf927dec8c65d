"""/api/sweeps/: many scenarios of one simulation in one request, and what is done to all of them at once."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import describe, words
from steelyard.web.queries import LIMIT, Query, id_of
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import tasks as schemas
from steelyard.web.tasks import queues


@queues(
    schemas.Sweep,
    forms.SubmitSweep,
    "Its tasks are queued.",
    "Its key was there already: this is that sweep.",
)
async def submit(request: Request) -> Answer:
    """Queue one task a scenario, all or none: 201, or 200 if its key was there already."""
    Query(request)
    form = await bodies.read(request, forms.SubmitSweep, bodies.BATCH_LIMIT)
    sweep_id, task_ids, new = await supervisor_of(request).submit_sweep(forms.sweep_of(form))
    return Answer({"sweep_id": sweep_id, "task_ids": task_ids, "new": new}, 201 if new else 200)


@describe(schemas.SweepPage, LIMIT, words("cursor", "`next` of the page before, as it is."))
async def listed(request: Request) -> Answer:
    """A page of sweeps, newest first."""
    query = Query(request, "limit", "cursor")
    return Answer(await supervisor_of(request).sweeps(query.limit(), query.text("cursor")))


@describe(schemas.SweepView)
async def one(request: Request) -> Answer:
    """A sweep with the counts of its tasks."""
    Query(request)
    return Answer(supervisor_of(request).sweep(id_of(request, "sweep_id")))


@describe(schemas.SweepCancelled, body=forms.Nothing)
async def cancel(request: Request) -> Answer:
    """End every task of a sweep that waits or runs."""
    Query(request)
    sweep_id = id_of(request, "sweep_id")
    await bodies.read(request, forms.Nothing)
    number = await supervisor_of(request).cancel_sweep(sweep_id)
    return Answer({"status": "success", "sweep_id": sweep_id, "cancelled": number})


@describe(schemas.SweepRetried, body=forms.RetrySweep)
async def retry(request: Request) -> Answer:
    """Queue the tasks of a sweep that failed or were cancelled again."""
    Query(request)
    sweep_id = id_of(request, "sweep_id")
    form = await bodies.read(request, forms.RetrySweep)
    number = await supervisor_of(request).retry_sweep(sweep_id, bodies.given(form).get("states"))
    return Answer({"status": "success", "sweep_id": sweep_id, "retried": number})


ROUTES = [
    at("/api/sweeps/", get=listed, post=submit),
    at("/api/sweeps/{sweep_id}/", get=one),
    at("/api/sweeps/{sweep_id}/cancel/", post=cancel),
    at("/api/sweeps/{sweep_id}/retry/", post=retry),
]
