"""One task: what it is doing or how it ended, its output, parameters, attempts and files."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.pages import task_files
from steelyard.web.pages.task_tree import Branch, tree
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render, render_aside
from steelyard.web.routing import Handler, at, supervisor_of


async def page(request: Request) -> Response:
    """The page. NotFound."""
    Query(request)
    supervisor = supervisor_of(request)
    task = supervisor.task(id_of(request, "task_id"))
    return await render_aside(
        request,
        "task.html",
        task=task,
        files=await task_files.shown(supervisor, task["task_id"]),
        measured=bool(supervisor.samples(task["task_id"])),
        parameters=_branches(task["parameters"]),
        result=_result(task["result"]),
    )


def _part(template: str) -> Handler:
    """A fragment that needs nothing but the task."""

    async def handler(request: Request) -> Response:
        Query(request)
        task = supervisor_of(request).task(id_of(request, "task_id"))
        return render(request, template, task=task, result=_result(task["result"]))

    return handler


def _branches(parameters: dict[str, object] | None) -> list[Branch]:
    return tree(parameters or {}).children


def _result(result: object) -> Branch | None:
    return None if result is None else tree(result)


ROUTES = [
    at("/tasks/{task_id}/", get=page),
    at("/htmx/tasks/{task_id}/now/", get=_part("fragments/task_now.html")),
    at("/htmx/tasks/{task_id}/attempts/", get=_part("fragments/task_attempts.html")),
    at("/htmx/tasks/{task_id}/result/", get=_part("fragments/task_result.html")),
    at("/htmx/tasks/{task_id}/edit/", get=_part("dialogs/task_edit.html")),
]
