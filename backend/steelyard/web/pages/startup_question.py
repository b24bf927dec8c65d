"""The dialog of a launch that finds no room for a first worker; the answer goes to POST /api/startup/."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.web.needs import Json, Needs
from steelyard.web.pages.wording import named
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

LOOKED_AT = 100
"""Waiting tasks among which those that had begun are looked for."""
NAMED = 3


async def dialog(request: Request) -> Response:
    """What is needed, what is free, what could be closed, and which runs wait to be resumed."""
    Query(request)
    supervisor = supervisor_of(request)
    question = await supervisor.startup()
    waiting = question.get("waiting") or begun(supervisor)
    return render(
        request,
        "dialogs/startup.html",
        question=question,
        waiting=waiting[:NAMED],
        more=max(0, len(waiting) - NAMED),
    )


def begun(supervisor: Needs) -> list[str]:
    """The names of waiting tasks that had an attempt already: they resume from their checkpoints."""
    page: Json = supervisor.tasks({"state": "READY"}, LOOKED_AT)
    return [named(task) for task in page["tasks"] if task.get("attempt")]


ROUTES = [at("/htmx/startup/", get=dialog)]
