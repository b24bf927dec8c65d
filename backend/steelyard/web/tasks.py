"""/api/tasks/: submit, list, look at one, change it. Its output and files are next door, in files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request

from steelyard.machine.beside import compute
from steelyard.rules.errors import Conflict, InvalidParameters, NotFound, WillNeverFit
from steelyard.rules.states import TaskState
from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import Answer as Described
from steelyard.web.describing import describe, words
from steelyard.web.needs import Needs
from steelyard.web.queries import LIMIT, Query, id_of
from steelyard.web.routing import Handler, at, supervisor_of
from steelyard.web.schemas import tasks as schemas

_STATES: dict[str, Any] = {"type": "array", "items": {"enum": [str(one) for one in TaskState]}}
_FILTERS = (
    words("state", "One state, or several with commas between.", **_STATES),
    words("simulation", "Its name."),
    words("sweep", "Its id."),
    words("tag", "A whole tag."),
    words("q", "A piece of label, id, simulation, tags or parameters; case does not count."),
)
_FILTER_NAMES = tuple(one.name for one in _FILTERS)
_CURSOR = words("cursor", "`next` of the page before, as it is.")
UNFIT = (NotFound, WillNeverFit, InvalidParameters)
"""What is wrong with a task: no such simulation, too large for this machine, wrong parameters."""


def queues(
    answer: type[msgspec.Struct], body: type[msgspec.Struct], new: str, known: str
) -> Callable[[Handler], Handler]:
    """describe() for what queues tasks: 201 (new), or 200 where the key was there already (known)."""
    answers = {201: Described(answer, text=new), 200: Described(answer, text=known)}
    return describe(answers, body=body, refuses=(*UNFIT, Conflict))


@describe(schemas.TaskPage, *_FILTERS, LIMIT, _CURSOR)
async def listed(request: Request) -> Answer:
    """A page of tasks, newest first."""
    query = Query(request, *_FILTER_NAMES, "limit", "cursor")
    filters = {name: value for name in _FILTER_NAMES if (value := query.text(name)) is not None}
    return Answer(await supervisor_of(request).find_tasks(filters, query.limit(), query.text("cursor")))


@queues(
    schemas.TaskId, forms.SubmitTask, "The task is queued.", "Its key was there already: this is that task."
)
async def submit(request: Request) -> Answer:
    """Queue one task: 201, or 200 if its key was there already."""
    Query(request)
    form = await bodies.read(request, forms.SubmitTask)
    [(task_id, new)] = await supervisor_of(request).submit([bodies.given(form)])
    return Answer({"task_id": task_id, "new": new}, 201 if new else 200)


@queues(schemas.TaskIds, forms.SubmitBatch, "All are queued.", "The keys of all were there already.")
async def submit_batch(request: Request) -> Answer:
    """Queue many, all or none: 201, or 200 if the keys of all were there already."""
    Query(request)
    form = await bodies.read(request, forms.SubmitBatch, bodies.BATCH_LIMIT)
    specs = await compute(lambda: forms.batch_of(form))
    made = await supervisor_of(request).submit(specs)
    created = any(new for _, new in made)
    return Answer({"task_ids": [task_id for task_id, _ in made]}, 201 if created else 200)


@describe(schemas.Task)
async def one(request: Request) -> Answer:
    """A task with its attempts."""
    Query(request)
    return Answer(supervisor_of(request).task(id_of(request, "task_id")))


@describe(schemas.TaskDone, body=forms.EditTask, refuses=(Conflict, WillNeverFit))
async def edit(request: Request) -> Answer:
    """Change priority, label, memory or tags."""
    Query(request)
    task_id = id_of(request, "task_id")
    form = await bodies.read(request, forms.EditTask)
    return _done(await supervisor_of(request).edit(task_id, bodies.given(form)))


@describe(schemas.Samples)
async def samples(request: Request) -> Answer:
    """Memory and CPU over time."""
    Query(request)
    return Answer({"samples": supervisor_of(request).samples(id_of(request, "task_id"))})


@describe(schemas.TaskRetried, body=forms.RetryTask, refuses=(Conflict,))
async def retry(request: Request) -> Answer:
    """Queue a task that failed or was cancelled again, and with_dependents those that waited for it."""
    Query(request)
    task_id = id_of(request, "task_id")
    form = await bodies.read(request, forms.RetryTask)
    retried = await supervisor_of(request).retry(task_id, with_dependents=bool(form.with_dependents))
    return Answer({"status": "success", "task_id": task_id, "task_ids": retried})


def _action(text: str, act: Callable[[Needs, str], Awaitable[str]]) -> Handler:
    """The handler of a request that needs nothing but the task's id; text says what it does."""

    @describe(schemas.TaskDone, body=forms.Nothing, refuses=(Conflict,))
    async def handler(request: Request) -> Answer:
        Query(request)
        task_id = id_of(request, "task_id")
        await bodies.read(request, forms.Nothing)
        return _done(await act(supervisor_of(request), task_id))

    handler.__doc__ = text
    return handler


def _done(task_id: str) -> Answer:
    return Answer({"status": "success", "task_id": task_id})


_cancel = _action("End a task that waits or runs.", lambda supervisor, task: supervisor.cancel(task))
_suspend = _action(
    "Stop a running task where it is. What it holds is not freed.",
    lambda supervisor, task: supervisor.suspend(task),
)
_resume = _action("Let a suspended task go on.", lambda supervisor, task: supervisor.resume(task))

ROUTES = [
    at("/api/tasks/", get=listed, post=submit),
    at("/api/tasks/batch/", post=submit_batch),
    at("/api/tasks/{task_id}/", get=one, patch=edit),
    at("/api/tasks/{task_id}/cancel/", post=_cancel),
    at("/api/tasks/{task_id}/retry/", post=retry),
    at("/api/tasks/{task_id}/suspend/", post=_suspend),
    at("/api/tasks/{task_id}/resume/", post=_resume),
    at("/api/tasks/{task_id}/samples/", get=samples),
]
