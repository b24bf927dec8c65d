"""/api/startup/: what the first page asks a person, and the answer."""

from __future__ import annotations

from starlette.requests import Request

from steelyard.rules.errors import Conflict
from steelyard.web import bodies, forms
from steelyard.web.answers import Answer
from steelyard.web.describing import describe
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import program as schemas
from steelyard.web.workers import NO_ROOM


@describe(schemas.Startup)
async def question(request: Request) -> Answer:
    """How many workers there are, and what is to be asked."""
    Query(request)
    return Answer(await supervisor_of(request).startup())


@describe(schemas.StartupAnswered, body=forms.AnswerStartup, refuses=(Conflict, *NO_ROOM))
async def answer(request: Request) -> Answer:
    """The person's answer, once a launch."""
    Query(request)
    form = await bodies.read(request, forms.AnswerStartup)
    return Answer(await supervisor_of(request).answer_startup(form.choice))


ROUTES = [at("/api/startup/", get=question, post=answer)]
