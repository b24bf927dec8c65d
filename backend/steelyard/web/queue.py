"""/api/queue/: pause and resume."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import workers as schemas


@describe(schemas.QueueDone, body=forms.Nothing)
async def pause(request: Request) -> Answer:
    """Let nothing new start until the queue is resumed, across restarts too; running tasks go on."""
    Query(request)
    await bodies.read(request, forms.Nothing)
    return Answer({"status": "success", "paused": await supervisor_of(request).pause_queue()})


@describe(schemas.QueueDone, body=forms.Nothing)
async def resume(request: Request) -> Answer:
    """Let waiting tasks start again, on a low battery too."""
    Query(request)
    await bodies.read(request, forms.Nothing)
    return Answer({"status": "success", "paused": await supervisor_of(request).resume_queue()})


ROUTES = [at("/api/queue/pause/", post=pause), at("/api/queue/resume/", post=resume)]
