"""What the dialogs of the Worker Status section say: why no worker was started, what an abort loses, a log.

They change nothing: their buttons call the API.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import NotFound
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.worker_status import listed_worker
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of
from steelyard.web.workers import MOST_LOG_CHARACTERS

LOG_CHARACTERS = 20_000
"""What a dialog shows of a log's end; the whole can be read with `steelyard workers log` or in its file."""

_LARGEST = 2**53


async def insufficient_memory(request: Request) -> Response:
    """The warning, with the figures of the refusal that it explains (bytes)."""
    query = Query(request, "need", "headroom")
    need, headroom = query.whole("need", 0, _LARGEST), query.whole("headroom", 0, _LARGEST)
    return render(request, "dialogs/insufficient_memory.html", need=need, headroom=headroom)


async def no_cores(request: Request) -> Response:
    """The same for cores."""
    cores = Query(request, "cores").whole("cores", 0, 100_000)
    return render(request, "dialogs/no_cores.html", cores=cores)


async def abort(request: Request) -> Response:
    """What is lost if this worker is aborted."""
    Query(request)
    supervisor = supervisor_of(request)
    worker = listed_worker(supervisor, id_of(request, "worker_id"))
    task = _task(supervisor, worker["task"]["task_id"]) if worker["task"] else None
    return render(request, "dialogs/abort.html", worker=worker, task=task)


async def aborted(request: Request) -> Response:
    """What has become of the task of a worker that was aborted, and the offer to queue it again."""
    task_id = Query(request, "task").text("task")
    worker_id = id_of(request, "worker_id")
    task = _task(supervisor_of(request), task_id) if task_id else None
    return render(request, "dialogs/aborted.html", worker_id=worker_id, task=task)


async def log(request: Request) -> Response:
    """The end of a worker's log."""
    Query(request)
    worker_id = id_of(request, "worker_id")
    text = await supervisor_of(request).worker_log(worker_id, min(LOG_CHARACTERS, MOST_LOG_CHARACTERS))
    return render(request, "dialogs/worker_log.html", worker_id=worker_id, text=text, cut=LOG_CHARACTERS)


def _task(supervisor: Needs, task_id: str) -> Json | None:
    try:
        return supervisor.task(task_id)
    except NotFound:
        return None


ROUTES = [
    at("/htmx/workers/insufficient-memory/", get=insufficient_memory),
    at("/htmx/workers/no-cores/", get=no_cores),
    at("/htmx/workers/{worker_id}/abort/", get=abort),
    at("/htmx/workers/{worker_id}/aborted/", get=aborted),
    at("/htmx/workers/{worker_id}/log/", get=log),
]
