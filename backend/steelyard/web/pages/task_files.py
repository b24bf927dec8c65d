"""A task's files on its page: the list, and of each one what can be shown of it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import NotFound
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.task_previews import preview
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
    """The files that a page shows: `files`, of at least `total`; `truncated` if there are more."""
    found = await supervisor.task_files(task_id)
    cut = found["truncated"] or len(found["files"]) > SHOWN
    return {"files": found["files"][:SHOWN], "total": found["total"], "truncated": cut}


async def one(request: Request) -> Response:
    """What is shown of one file. A file that has gone meanwhile is said to be gone: that is no error here."""
    Query(request)
    supervisor = supervisor_of(request)
    task_id, file_id = id_of(request, "task_id"), id_of(request, "file_id", FILE_ID)
    try:
        file, about = await supervisor.open_task_file(task_id, file_id)
    except NotFound:
        return render(request, "fragments/task_file.html", preview=None, kind="", url="")
    kind = about["kind"]
    found = await asyncio.to_thread(preview, file, kind)
    url = f"/api/tasks/{task_id}/files/{file_id}"
    return render(request, "fragments/task_file.html", preview=found, kind=kind, url=url)


ROUTES = [
    at("/htmx/tasks/{task_id}/files/", get=listed),
    at("/htmx/tasks/{task_id}/files/{file_id}/", get=one),
]
