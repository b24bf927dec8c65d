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


class Address(Route):
    """A route that knows the handler of each method (HEAD is GET's): /openapi.json is made from them."""

    def __init__(self, path: str, handlers: dict[str, Handler]) -> None:
        self.handlers = handlers

        async def dispatch(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return await handlers[method](request)

        super().__init__(path, dispatch, methods=list(handlers), name=path)


def at(path: str, **handlers: Handler) -> Address:
    """A route: at("/api/tasks/", get=listed, post=submit). HEAD comes with get."""
    return Address(path, {method.upper(): handler for method, handler in handlers.items()})


def supervisor_of(request: Request) -> Needs:
    """The one whom every handler asks."""
    return cast(Needs, request.app.state.supervisor)
