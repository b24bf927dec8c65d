"""The fragments of the Worker Status section: the whole, its overview, its cards, one card."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import NotFound
from steelyard.rules.states import LIVE_WORKERS
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.forecast import told
from steelyard.web.queries import Query, id_of
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of


async def whole(request: Request) -> Response:
    """The status as a fragment."""
    Query(request)
    supervisor = supervisor_of(request)
    return render(
        request,
        "fragments/worker_status.html",
        status=arranged(supervisor.status()),
        forecast=told(await supervisor.forecast()),
    )


async def overview(request: Request) -> Response:
    """The four figures at the top."""
    Query(request)
    return render(request, "fragments/worker_overview.html", status=supervisor_of(request).status())


async def cards(request: Request) -> Response:
    """A card for each listed worker."""
    Query(request)
    return render(request, "fragments/worker_cards.html", status=arranged(supervisor_of(request).status()))


async def card(request: Request) -> Response:
    """One worker's card; nothing (204, no fault of the page that asks) once it is off the list."""
    Query(request)
    try:
        worker = listed_worker(supervisor_of(request), id_of(request, "worker_id"))
    except NotFound:
        return Response(status_code=204)
    return render(request, "fragments/worker_card.html", worker=worker)


def arranged(status: Json) -> Json:
    """The status with its workers as a person looks for them: the living as they came, then the ended, the
    latest first.
    """
    workers = status["workers"]
    living = [worker for worker in workers if worker["state"] in LIVE_WORKERS]
    ended = [worker for worker in workers if worker["state"] not in LIVE_WORKERS]
    return {**status, "workers": living + ended[::-1]}


def listed_worker(supervisor: Needs, worker_id: str) -> Json:
    """A worker as the status shows it. NotFound if it is not on the list."""
    for worker in supervisor.status()["workers"]:
        if worker["worker_id"] == worker_id:
            found: Json = worker
            return found
    raise NotFound(f"There is no worker {worker_id} on the list.")


ROUTES = [
    at("/htmx/workers/status/", get=whole),
    at("/htmx/workers/overview/", get=overview),
    at("/htmx/workers/cards/", get=cards),
    at("/htmx/workers/{worker_id}/card/", get=card),
]
