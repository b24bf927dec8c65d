"""How a path becomes a route: one entry a path with a handler for each method, so that 405 knows them all.

A path is exactly as the tables of the contract have it. The same one without its slash is 404, and nothing is
redirected: a redirect would turn a POST into a GET, or send its body twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steelyard.web.needs import Needs

Handler = Callable[[Request], Awaitable[Response]]


def at(path: str, **handlers: Handler) -> Route:
    """A route: at("/api/tasks/", get=listed, post=submit). HEAD comes with get."""
    by_method = {method.upper(): handler for method, handler in handlers.items()}

    async def dispatch(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](request)

    return Route(path, dispatch, methods=list(by_method), name=path)


def supervisor_of(request: Request) -> Needs:
    """The one whom every handler asks."""
    return cast(Needs, request.app.state.supervisor)
