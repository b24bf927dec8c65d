"""The one table from refusal to HTTP status, and the one form in which every error leaves the house.

Nothing passes without it: refusals of ours, 404, 405 and the like of the framework, and what nobody expected
(500, the traceback goes to the log and not to the client).
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelyard.rules import errors as refusals
from steelyard.web.answers import Answer, wants_html
from steelyard.web.needs import Needs
from steelyard.web.rendering import error_page

log = logging.getLogger("steelyard.web")

STATUS: dict[type[refusals.SteelyardError], int] = {
    refusals.InvalidRequest: 400,
    refusals.ForbiddenHost: 400,
    refusals.Unauthorised: 401,
    refusals.ForbiddenOrigin: 403,
    refusals.NotFound: 404,
    refusals.MethodNotAllowed: 405,
    refusals.InsufficientMemory: 409,
    refusals.AtCapacity: 409,
    refusals.NoCores: 409,
    refusals.ConfirmationRequired: 409,
    refusals.WillNeverFit: 409,
    refusals.Conflict: 409,
    refusals.PayloadTooLarge: 413,
    refusals.UnsupportedMediaType: 415,
    refusals.InvalidParameters: 422,
    refusals.ShuttingDown: 503,
    refusals.Unanswered: 504,
    refusals.StorageFull: 507,
}
"""A refusal's class and the status of its answer. A test holds this to rules/errors.py."""

_OF_FRAMEWORK = {
    401: refusals.Unauthorised,
    403: refusals.ForbiddenOrigin,
    404: refusals.NotFound,
    405: refusals.MethodNotAllowed,
    413: refusals.PayloadTooLarge,
    415: refusals.UnsupportedMediaType,
}
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}
_UNEXPECTED = "Something went wrong inside Steelyard. The sidecar's log says what."


def status_of(error: refusals.SteelyardError) -> int | None:
    """The status of a refusal's answer; None for one that is not meant for clients, such as a StartError."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)


def answer_to(error: Exception, connection: HTTPConnection) -> Response:
    """The answer to a request that raised `error`, which is written to the log if nobody expected it."""
    if isinstance(error, HTTPException):
        return _of_framework(error, connection)
    if isinstance(error, sqlite3.Error):
        supervisor: Needs = connection.app.state.supervisor
        error = supervisor.refusal(error)
    status = status_of(error) if isinstance(error, refusals.SteelyardError) else None
    if status is None or not isinstance(error, refusals.SteelyardError):
        log.error("%s failed", _shown(connection.scope), exc_info=error)
        return _answer(connection, 500, "internal_error", _UNEXPECTED, {})
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return _answer(connection, status, error.code, error.message, error.detail, headers)


def _of_framework(error: HTTPException, connection: HTTPConnection) -> Response:
    """The same answer in our own form for what Starlette refuses."""
    kind = _OF_FRAMEWORK.get(error.status_code, refusals.InvalidRequest)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if "allow" in headers:
        headers["allow"] = ", ".join(sorted(headers["allow"].split(", ")))
    sentence = _SENTENCES.get(error.status_code, f"{error.detail}.")
    return _answer(connection, error.status_code, kind.code, sentence, {}, headers)


def _answer(
    connection: HTTPConnection,
    status: int,
    code: str,
    message: str,
    detail: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> Response:
    if wants_html(connection.scope):
        return error_page(status, code, message, headers)
    return Answer({"error": {"code": code, "message": message, "detail": detail}}, status, headers)


def _shown(scope: Scope) -> str:
    """A request for the log: quoted, because it came from outside, and without the code of a sign-in link."""
    path = scope["path"]
    if path.startswith("/sign-in/"):
        path = "/sign-in/..."
    return f"{scope.get('method', 'WebSocket')} {path!r:.200}"


class ErrorBoundary:
    """ASGI middleware: whatever leaves the rooms behind it as an exception becomes an answer here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return
        except Exception as error:
            if started:
                # Half an answer cannot be mended: the server cuts the connection, so the client notices.
                log.error("%s failed in the middle of its answer", _shown(scope), exc_info=error)
                raise
            await answer_to(error, HTTPConnection(scope))(scope, receive, send)


async def framework_error(connection: HTTPConnection, error: Exception) -> Response:
    """Starlette's handler for its HTTPException, which never reaches the boundary."""
    return answer_to(error, connection)
