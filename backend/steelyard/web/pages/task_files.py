"""A task's files on its page: the list, and of each one what can be shown of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine.answering import ask
from steelyard.rules.errors import NotFound, Unanswered
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.task_previews import Preview, preview
from steelyard.web.queries import FILE_ID, Query, id_of
from steelyard.web.rendering import render, render_aside
from steelyard.web.routing import at, supervisor_of

SHOWN = 1_000
"""Files on a task's page: what a browser redraws without a stutter."""


async def listed(request: Request) -> Response:
    """The list alone."""
    Query(request)
    supervisor = supervisor_of(request)
    task = supervisor.task(id_of(request, "task_id"))
    files = await shown(supervisor, task["task_id"])
    return await render_aside(request, "fragments/task_files.html", task=task, files=files)


async def shown(supervisor: Needs, task_id: str) -> Json:
    """The files that a page shows: `files`, of at least `total`; `truncated` if there are more, `trouble`
    where their folder does not answer.
    """
    try:
        found = await supervisor.task_files(task_id)
    except Unanswered as error:
        # The page shows all the rest, and has the button that ends the task.
        return {"files": [], "total": 0, "truncated": False, "trouble": error.message}
    cut = found["truncated"] or len(found["files"]) > SHOWN
    return {"files": found["files"][:SHOWN], "total": found["total"], "truncated": cut, "trouble": None}


async def one(request: Request) -> Response:
    """What is shown of one file. One that has gone meanwhile, or does not answer, is no error here."""
    Query(request)
    task_id, file_id = id_of(request, "task_id"), id_of(request, "file_id", FILE_ID)
    kind = ""
    found: Preview | None
    try:
        file, about = await supervisor_of(request).open_task_file(task_id, file_id)
        kind, named = about["kind"], f"{about['name']} of task {task_id}"
        found = await ask(named, lambda: preview(file, kind))
    except NotFound:
        found = None
    except Unanswered as error:
        found = Preview("empty", 0, error.message)
    url = f"/api/tasks/{task_id}/files/{file_id}"
    return render(request, "fragments/task_file.html", preview=found, kind=kind, url=url)


ROUTES = [
    at("/htmx/tasks/{task_id}/files/", get=listed),
    at("/htmx/tasks/{task_id}/files/{file_id}/", get=one),
]
