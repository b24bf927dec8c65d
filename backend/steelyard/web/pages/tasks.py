"""The list of tasks: filters, search, pages by cursor, and one row at a time for what changes."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.needs import Json, Needs
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

SHOWN = 50
"""Tasks on one page: what a person looks through, and what a browser redraws without a stutter."""

FILTERS = ("state", "simulation", "sweep", "tag", "q")


async def page(request: Request) -> Response:
    """The page. Its filters stand in its address, so that it can be kept, sent and gone back to."""
    return render(request, "tasks.html", **await _found(request))


async def listed(request: Request) -> Response:
    """The list alone; the browser's address follows the filters."""
    context = await _found(request)
    answer = render(request, "fragments/tasks_list.html", **context)
    if request.headers.get("hx-trigger") == "tasks-filters":
        answer.headers["hx-replace-url"] = str(context["address"])
    return answer


async def row(request: Request) -> Response:
    """One task's row. NotFound."""
    Query(request)
    return render(
        request, "fragments/tasks_row.html", task=supervisor_of(request).task(id_of(request, "task_id"))
    )


async def cancel_dialog(request: Request) -> Response:
    """What is lost when a running task is cancelled. It changes nothing: its button calls the API."""
    Query(request)
    return render(
        request, "dialogs/task_cancel.html", task=supervisor_of(request).task(id_of(request, "task_id"))
    )


async def _found(request: Request) -> Json:
    """The page that the query asks for, and what its links are made of."""
    query = Query(request, *FILTERS, "cursor")
    filters = {name: value for name in FILTERS if (value := query.text(name)) is not None}
    cursor = query.text("cursor")
    supervisor = supervisor_of(request)
    return {
        "page": await supervisor.find_tasks(filters, SHOWN, cursor),
        "filters": filters,
        "cursor": cursor,
        "address": address("/tasks/", filters, cursor=cursor),
        "fragment": address("/htmx/tasks/list/", filters, cursor=cursor),
        "link": lambda **change: address("/tasks/", filters, **change),
        "simulations": _simulations(supervisor, filters.get("simulation")),
    }


def address(path: str, filters: Json, **change: str | None) -> str:
    """The path with these filters, some of them changed or (None) left out."""
    kept = {name: value for name, value in {**filters, **change}.items() if value}
    return f"{path}?{urlencode(kept, errors='replace')}" if kept else path


def _simulations(supervisor: Needs, chosen: str | None) -> list[str]:
    """The names to choose from; the chosen one too when its file is gone but its tasks are not."""
    names = {str(one["name"]) for one in supervisor.simulations()["simulations"]}
    return sorted(names | ({chosen} if chosen else set()))


ROUTES = [
    at("/tasks/", get=page),
    at("/htmx/tasks/list/", get=listed),
    at("/htmx/tasks/{task_id}/row/", get=row),
    at("/htmx/tasks/{task_id}/cancel/", get=cancel_dialog),
]
