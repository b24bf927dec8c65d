"""/api/workers/ and the tick."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.rules.errors import (
    AtCapacity,
    ConfirmationRequired,
    Conflict,
    InsufficientMemory,
    NoCores,
    NotFound,
    Unanswered,
)
from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import describe, flag, whole
from steelyard.web.queries import Query, id_of
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import workers as schemas

LOG_CHARACTERS = 10_000
"""How much of a log comes without `tail`."""
MOST_LOG_CHARACTERS = 1_000_000
TAIL = whole("tail", 1, MOST_LOG_CHARACTERS, "How many of the last characters.", LOG_CHARACTERS)
FORCE = flag("force", "Override memory and cores; never WORKER_MAX_COUNT.")
NO_ROOM = (InsufficientMemory, AtCapacity, NoCores)
"""What forbids one more worker."""


@describe(schemas.Status)
async def status(request: Request) -> Answer:
    """Workers, limits, memory and queue at one moment. No side effects."""
    Query(request)
    return Answer(supervisor_of(request).status())


@describe(schemas.WorkerDone, FORCE, status=201, body=forms.AddWorker, refuses=NO_ROOM)
async def add(request: Request) -> Answer:
    """Start one worker; `force`, in body or address, overrides memory and cores."""
    query = Query(request, "force").yes("force")
    body = await bodies.read(request, forms.AddWorker)
    worker_id = await supervisor_of(request).add_worker(force=query or bool(body.force))
    return Answer({"status": "success", "worker_id": worker_id}, 201)


@describe(schemas.WorkersDone, FORCE, status=201, body=forms.AddWorkers, refuses=NO_ROOM)
async def add_many(request: Request) -> Answer:
    """Start `count` workers, or as many as are admitted; refused only if there is room for none."""
    query = Query(request, "force").yes("force")
    body = await bodies.read(request, forms.AddWorkers)
    worker_ids = await supervisor_of(request).add_workers(body.count, query or bool(body.force))
    return Answer({"status": "success", "worker_ids": worker_ids}, 201)


@describe(schemas.WorkerDone, body=forms.DrainWorker, refuses=(NotFound, Conflict))
async def drain(request: Request) -> Answer:
    """Let the named worker, or the one that has run longest, finish and leave."""
    Query(request)
    body = await bodies.read(request, forms.DrainWorker)
    return _done(await supervisor_of(request).drain_worker(body.worker_id))


@describe(schemas.WorkerDone, body=forms.Nothing, refuses=(Conflict,))
async def drain_one(request: Request) -> Answer:
    """Let this worker finish and leave."""
    Query(request)
    worker_id = id_of(request, "worker_id")
    await bodies.read(request, forms.Nothing)
    return _done(await supervisor_of(request).drain_worker(worker_id))


@describe(
    schemas.WorkerDone,
    flag("confirm", "The same as in the body."),
    body=forms.AbortWorker,
    refuses=(ConfirmationRequired, Conflict),
)
async def abort(request: Request) -> Answer:
    """End a worker and what it runs, if the request confirms that work is lost."""
    query = Query(request, "confirm").yes("confirm")
    worker_id = id_of(request, "worker_id")
    body = await bodies.read(request, forms.AbortWorker)
    return _done(await supervisor_of(request).abort_worker(worker_id, query or bool(body.confirm)))


@describe(schemas.CleanedUp, body=forms.Nothing)
async def cleanup(request: Request) -> Answer:
    """Take ended workers off the list."""
    Query(request)
    await bodies.read(request, forms.Nothing)
    return Answer({"status": "success", "cleaned_up": await supervisor_of(request).cleanup()})


@describe(schemas.WorkerLog, TAIL, refuses=(Unanswered,))
async def log(request: Request) -> Answer:
    """The last `tail` characters of a worker's log."""
    tail = Query(request, "tail").whole("tail", 1, MOST_LOG_CHARACTERS)
    worker_id = id_of(request, "worker_id")
    text = await supervisor_of(request).worker_log(worker_id, tail or LOG_CHARACTERS)
    return Answer({"worker_id": worker_id, "text": text})


@describe(schemas.Ticked, body=forms.Nothing)
async def tick(request: Request) -> Answer:
    """Run the checks that run anyway."""
    Query(request)
    await bodies.read(request, forms.Nothing)
    return Answer({"status": "success", "transitions": await supervisor_of(request).tick()})


def _done(worker_id: str) -> Answer:
    return Answer({"status": "success", "worker_id": worker_id})


ROUTES = [
    at("/api/workers/status/", get=status),
    at("/api/workers/add/", post=add),
    at("/api/workers/add-many/", post=add_many),
    at("/api/workers/drain/", post=drain),
    at("/api/workers/cleanup/", post=cleanup),
    at("/api/workers/{worker_id}/drain/", post=drain_one),
    at("/api/workers/{worker_id}/abort/", post=abort),
    at("/api/workers/{worker_id}/log/", get=log),
    at("/workers/tick/", post=tick),
]
