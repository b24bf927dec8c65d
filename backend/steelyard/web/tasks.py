"""/api/tasks/: submit, list, look at one, change it. Its output and files are next door, in files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.needs import Needs
from steelyard.web.queries import Query, id_of
from steelyard.web.routing import Handler, at, supervisor_of

_FILTERS = ("state", "simulation", "sweep", "tag", "q")


async def listed(request: Request) -> Answer:
    """A page of tasks, newest first. What a state and a cursor may be, the store says."""
    query = Query(request, *_FILTERS, "limit", "cursor")
    filters = {name: value for name in _FILTERS if (value := query.text(name)) is not None}
    return Answer(supervisor_of(request).tasks(filters, query.limit(), query.text("cursor")))


async def submit(request: Request) -> Answer:
    """Queue one task: 201, or 200 if its key was there already."""
    Query(request)
    form = await bodies.read(request, forms.SubmitTask)
    [(task_id, created)] = await supervisor_of(request).submit([bodies.given(form)])
    return Answer({"task_id": task_id}, 201 if created else 200)


async def submit_batch(request: Request) -> Answer:
    """Queue many, all or none: 201, or 200 if the keys of all were there already."""
    Query(request)
    form = await bodies.read(request, forms.SubmitBatch, bodies.BATCH_LIMIT)
    made = await supervisor_of(request).submit(forms.batch_of(form))
    created = any(new for _, new in made)
    return Answer({"task_ids": [task_id for task_id, _ in made]}, 201 if created else 200)


async def one(request: Request) -> Answer:
    """The task of DESIGN section 9."""
    Query(request)
    return Answer(supervisor_of(request).task(id_of(request, "task_id")))


async def edit(request: Request) -> Answer:
    """Change priority, label, memory or tags."""
    Query(request)
    task_id = id_of(request, "task_id")
    form = await bodies.read(request, forms.EditTask)
    return _done(await supervisor_of(request).edit(task_id, bodies.given(form)))


async def samples(request: Request) -> Answer:
    """Memory and CPU over time."""
    Query(request)
    return Answer({"samples": supervisor_of(request).samples(id_of(request, "task_id"))})


def _action(act: Callable[[Needs, str], Awaitable[str]]) -> Handler:
    """The handler of a request that needs nothing but the task's id."""

    async def handler(request: Request) -> Answer:
        Query(request)
        task_id = id_of(request, "task_id")
        await bodies.read(request, forms.Nothing)
        return _done(await act(supervisor_of(request), task_id))

    return handler


def _done(task_id: str) -> Answer:
    return Answer({"status": "success", "task_id": task_id})


ROUTES = [
    at("/api/tasks/", get=listed, post=submit),
    at("/api/tasks/batch/", post=submit_batch),
    at("/api/tasks/{task_id}/", get=one, patch=edit),
    at("/api/tasks/{task_id}/cancel/", post=_action(lambda supervisor, task: supervisor.cancel(task))),
    at("/api/tasks/{task_id}/retry/", post=_action(lambda supervisor, task: supervisor.retry(task))),
    at("/api/tasks/{task_id}/suspend/", post=_action(lambda supervisor, task: supervisor.suspend(task))),
    at("/api/tasks/{task_id}/resume/", post=_action(lambda supervisor, task: supervisor.resume(task))),
    at("/api/tasks/{task_id}/samples/", get=samples),
]
