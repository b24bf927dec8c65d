"""A sweep: its tasks as a table of parameters and results, and its pictures side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine.beside import compute
from steelyard.rules.errors import InvalidRequest, NotFound, Unanswered
from steelyard.web.describing import Answer, describe
from steelyard.web.needs import Json, Needs
from steelyard.web.pages import sweep_table
from steelyard.web.pages.tasks import address
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

SHOWN = 1_000
"""Tasks in the table; the newest of a larger sweep."""
AT_ONCE = 100
"""A sweep of more tasks is not redrawn with each change of one, but every few seconds."""
PICTURED = 60
"""Tasks whose pictures are looked for."""


async def page(request: Request) -> Response:
    """The page. NotFound for a sweep without tasks."""
    query = Query(request, "sort", "picture")
    supervisor, sweep_id = supervisor_of(request), id_of(request, "sweep_id")
    context = _table(supervisor, sweep_id, query.text("sort"))
    pictured = await _pictures(supervisor, context, query.text("picture"))
    return render(request, "sweep.html", **context, **pictured)


async def rows(request: Request) -> Response:
    """The table alone."""
    sort = Query(request, "sort").text("sort")
    context = _table(supervisor_of(request), id_of(request, "sweep_id"), sort)
    return render(request, "fragments/sweep_table.html", **context)


async def cancel_dialog(request: Request) -> Response:
    """What is lost when all tasks of a sweep are cancelled. It changes nothing: its button calls the API."""
    Query(request)
    supervisor, sweep_id = supervisor_of(request), id_of(request, "sweep_id")
    sweep = supervisor.sweep(sweep_id)
    running = supervisor.tasks({"sweep": sweep_id, "state": "RUNNING"}, SHOWN)["tasks"]
    return render(request, "dialogs/sweep_cancel.html", sweep=sweep, running=running)


async def retry_dialog(request: Request) -> Response:
    """Which tasks of a sweep are queued again. It changes nothing: its buttons call the API."""
    Query(request)
    sweep = supervisor_of(request).sweep(id_of(request, "sweep_id"))
    return render(request, "dialogs/sweep_retry.html", sweep=sweep)


async def pictures(request: Request) -> Response:
    """The pictures alone: `picture` is the name that the tasks' files share."""
    picture = Query(request, "picture").text("picture")
    supervisor, sweep_id = supervisor_of(request), id_of(request, "sweep_id")
    context = _table(supervisor, sweep_id, None)
    pictured = await _pictures(supervisor, context, picture)
    return render(request, "fragments/sweep_pictures.html", **context, **pictured)


@describe({200: Answer(media="text/csv", text="The table.")})
async def download(request: Request) -> Response:
    """The whole table as CSV, tasks in the order in which they were submitted."""
    Query(request)
    sweep_id = id_of(request, "sweep_id")
    supervisor = supervisor_of(request)
    found = supervisor.tasks({"sweep": sweep_id}, 1000)
    tasks: list[Json] = found["tasks"]
    while found["next"]:
        # Others want to be answered between two pages of a thousand.
        await asyncio.sleep(0)
        found = supervisor.tasks({"sweep": sweep_id}, 1000, found["next"])
        tasks += found["tasks"]
    if not tasks:
        raise _no_sweep(sweep_id)
    text = await compute(lambda: sweep_table.as_csv(sweep_table.table(tasks[::-1], most=1000)))
    headers = {"content-disposition": f'attachment; filename="sweep-{sweep_id}.csv"'}
    return Response(text.encode("utf-8", "replace"), media_type="text/csv", headers=headers)


def _no_sweep(sweep_id: str) -> NotFound:
    return NotFound(f"There is no sweep {sweep_id}.")


def _table(supervisor: Needs, sweep_id: str, sort: str | None) -> Json:
    found = supervisor.tasks({"sweep": sweep_id}, SHOWN)
    tasks: list[Json] = found["tasks"][::-1]
    if not tasks:
        raise _no_sweep(sweep_id)
    table, view = sweep_table.table(tasks), supervisor.sweep(sweep_id)
    column, down = (sort or "").removeprefix("-"), (sort or "").startswith("-")
    if column:
        # A column of results is there once the first task has one, so an unknown name is no error.
        table.rows = sweep_table.ordered(table.rows, column, down)
    here = f"/sweeps/{sweep_id}/"
    return {
        "sweep_id": sweep_id,
        "table": table,
        "sweep": view,
        "total": view["total"],
        "states": view["counts"],
        "simulation": view["simulation"],
        "why_single": _why_single(supervisor, tasks),
        "sort": sort or "",
        "sort_link": lambda name: address(here, {}, sort=f"-{name}" if column == name and not down else name),
        "sorted_as": lambda name: ("descending" if down else "ascending") if column == name else "none",
        "fragment": address(f"/htmx{here}", {}, sort=sort),
        "live": len(tasks) <= AT_ONCE,
    }


def _why_single(supervisor: Needs, tasks: list[Json]) -> str | None:
    """Why its runs go one at a time, and what to state; None if they do not, or all have ended."""
    waiting = next((task for task in tasks if task["state"] == "READY"), None)
    if waiting is None:
        return None
    try:
        why: str | None = supervisor.simulation(waiting["simulation"])["run"]["why"]
    except NotFound:
        return None
    return why


async def _pictures(supervisor: Needs, context: Json, picture: str | None) -> Json:
    """The names of pictures that its tasks have, and each task's picture of the chosen name."""
    if picture is not None and len(picture) > 500:
        raise InvalidRequest("picture: there is no file with so long a name.", field="picture")
    names: Counter[str] = Counter()
    found: list[tuple[sweep_table.Row, dict[str, str]]] = []
    tried = [row for row in context["table"].rows if row.task["attempt"]]
    for row in tried[:PICTURED]:
        try:
            files = (await supervisor.task_files(row.task["task_id"], kind="image"))["files"]
        except Unanswered:
            continue  # its own page says so
        own = {
            file["name"]: f"/api/tasks/{row.task['task_id']}/files/{file['id']}?"
            + urlencode({"modified": file["modified_at"]})
            for file in files
            if file["attempt"] == row.task["attempt"]
        }
        names.update(own)
        found.append((row, own))
    chosen = picture if picture in names else next((name for name, _ in names.most_common(1)), None)
    return {
        "picture_names": sorted(names),
        "picture": chosen,
        "pictures": [(row, own[chosen]) for row, own in found if chosen in own] if chosen else [],
        "unpictured": max(0, len(tried) - PICTURED),
    }


ROUTES = [
    at("/sweeps/{sweep_id}/", get=page),
    at("/sweeps/{sweep_id}/table.csv", get=download),
    at("/htmx/sweeps/{sweep_id}/", get=rows),
    at("/htmx/sweeps/{sweep_id}/cancel/", get=cancel_dialog),
    at("/htmx/sweeps/{sweep_id}/retry/", get=retry_dialog),
    at("/htmx/sweeps/{sweep_id}/pictures/", get=pictures),
]
