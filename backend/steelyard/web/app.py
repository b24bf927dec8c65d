"""The application: every route, and the rooms that a request passes on its way to one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from steelyard.machine.beside import beside
from steelyard.rules.errors import NotFound
from steelyard.web import (
    assets,
    events,
    files,
    metrics,
    openapi,
    pages,
    preferences,
    push,
    queue,
    sign_in,
    simulations,
    startup,
    sweeps,
    system,
    tasks,
    workers,
)
from steelyard.web.access import Access, AccessMiddleware
from steelyard.web.errors import ErrorBoundary, framework_error
from steelyard.web.headers import HeadersMiddleware
from steelyard.web.needs import Needs
from steelyard.web.rendering import compile_all


def create_app(supervisor: Needs, access: Access) -> Starlette:
    """The whole edge. The supervisor's life is not its business: it is started before and stopped after."""
    hub = push.Hub(supervisor)
    figures = metrics.Metrics(supervisor)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        hub.open()
        figures.open()
        leaving = Event()
        compiling = asyncio.create_task(beside(lambda: compile_all(leaving.is_set)))
        app.state.compiling = compiling
        try:
            yield
        finally:
            leaving.set()
            await compiling
            await hub.close()
            figures.close()

    app = Starlette(
        routes=all_routes(hub),
        middleware=[
            # From the outside in: whatever the door or a room refuses gets its form, then its headers.
            Middleware(HeadersMiddleware, port=access.port),
            Middleware(ErrorBoundary),
            Middleware(AccessMiddleware, access=access),
        ],
        exception_handlers={HTTPException: framework_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.router.default = _nothing_here
    app.state.supervisor = supervisor
    app.state.access = access
    app.state.hub = hub
    app.state.metrics = figures
    return app


def all_routes(hub: push.Hub) -> list[BaseRoute]:
    """Every route there is; those with fixed words stand before those with an id in their place."""
    return [
        *workers.ROUTES,
        *files.ROUTES,
        *tasks.ROUTES,
        *sweeps.ROUTES,
        *queue.ROUTES,
        *simulations.ROUTES,
        *startup.ROUTES,
        *events.ROUTES,
        *preferences.ROUTES,
        *system.ROUTES,
        *metrics.ROUTES,
        *openapi.ROUTES,
        push.route(hub),
        *sign_in.ROUTES,
        *assets.routes(),
        *pages.ROUTES,
    ]


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("There is nothing at this address.")
