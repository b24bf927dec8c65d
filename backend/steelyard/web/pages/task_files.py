"""A task's files on its page: the list, and of each one what can be shown of it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import NotFound
from steelyard.web.pages.task_previews import preview
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of


async def listed(request: Request) -> Response:
    """The list alone."""
    Query(request)
    supervisor = supervisor_of(request)
    task = supervisor.task(id_of(request, "task_id"))
    files = supervisor.task_files(task["task_id"])
    return render(request, "fragments/task_files.html", task=task, files=files)


async def one(request: Request) -> Response:
    """What is shown of one file. A file that has gone meanwhile is said to be gone: that is no error here."""
    Query(request)
    supervisor = supervisor_of(request)
    task_id, file_id = id_of(request, "task_id"), id_of(request, "file_id")
    try:
        path = supervisor.task_file(task_id, file_id)
        kind = next(
            (file["kind"] for file in supervisor.task_files(task_id) if file["id"] == file_id), "other"
        )
        found = await asyncio.to_thread(preview, path, kind)
    except NotFound:
        return render(request, "fragments/task_file.html", preview=None, kind="", url="")
    url = f"/api/tasks/{task_id}/files/{file_id}"
    return render(request, "fragments/task_file.html", preview=found, kind=kind, url=url)


ROUTES = [
    at("/htmx/tasks/{task_id}/files/", get=listed),
    at("/htmx/tasks/{task_id}/files/{file_id}/", get=one),
]
