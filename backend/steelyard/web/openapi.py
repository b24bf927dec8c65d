"""/openapi.json: the routes as an OpenAPI 3.1 document, made from them when it is first asked for.

What a handler says of itself stands above it (see describing). A handler that says nothing is a page for
people: it is listed too, as HTML, so that the document has every address there is and no other.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute, WebSocketRoute

from steelyard import __version__
from steelyard.rules import errors as refusals
from steelyard.rules.errors import SteelyardError
from steelyard.web.access import Access
from steelyard.web.answers import Answer as JsonAnswer
from steelyard.web.answers import may_be_html
from steelyard.web.describing import HTML, JSON, Answer, Description, describe, description_of
from steelyard.web.openapi_parts import Refusals, ref, response, schemas_of
from steelyard.web.queries import FILE_ID, ID, Query
from steelyard.web.routing import Address, Handler, at

Json = dict[str, Any]

VERSION = "3.1.0"

_ALWAYS = (refusals.ForbiddenHost, refusals.InvalidRequest, refusals.Unauthorised, refusals.ForbiddenOrigin)
"""What every address may refuse."""
_CHANGES = (
    refusals.PayloadTooLarge,
    refusals.UnsupportedMediaType,
    refusals.ShuttingDown,
    refusals.StorageFull,
)
"""And every change besides."""
_PAGE = Description(
    {
        200: Answer(media=HTML, text="A page or a part of one."),
        204: Answer(media="", text="What was to be shown is not there any more."),
    }
)
_BEFORE_THE_DOOR = (refusals.ForbiddenHost, refusals.ForbiddenOrigin, refusals.Unauthorised)

_ABOUT = """\
Steelyard runs long, memory-hungry simulations side by side on one desktop machine.

Every refusal is `{"error": {"code", "message", "detail"}}`; a fault of the program itself is 500 with the
code `internal_error`. A method that an address does not take is 405 `method_not_allowed` with the header
Allow; HEAD goes where GET goes. Times are UTC, sizes bytes, durations seconds. A null in a body counts as
left out, except in PATCH. docs/http.md says the rest."""


def operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Handler]]:
    """(path as OpenAPI writes it, method, handler) of every route that takes requests."""
    for route in routes:
        if isinstance(route, Address):
            path = re.sub(r":\w+}", "}", route.path)
            yield from ((path, method, handler) for method, handler in route.handlers.items())


def document(routes: Iterable[BaseRoute], port: int, cookie: str) -> Json:
    """The document for these routes of the server on `port`, whose sessions are in that cookie."""
    routes = list(routes)
    found = list(operations(routes))
    components = schemas_of(handler for _, _, handler in found)
    refused = Refusals()
    paths: dict[str, Json] = {}
    for path, method, handler in found:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, handler, refused)
    for route in routes:
        if isinstance(route, WebSocketRoute):
            paths[route.path] = {"get": _websocket(refused)}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Steelyard",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"http://127.0.0.1:{port}"}],
        "security": [{"token": []}, {"session": []}],
        "tags": _tags(paths),
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": dict(sorted(refused.known.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`token` of runtime/sidecar.json; a new one at every start.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie,
                    "description": "A browser's, from its sign-in link. A change also needs X-Steelyard: 1.",
                },
            },
        },
    }


def _operation(path: str, method: str, handler: Handler, refused: Refusals) -> Json:
    found = description_of(handler) or _PAGE
    title, _, more = (inspect.getdoc(handler) or "").partition("\n\n")
    operation: Json = {
        "tags": [_tag(path)],
        "summary": " ".join(title.split()),
        "operationId": _operation_id(path, method),
        "responses": _responses(path, method, found, refused),
    }
    if more:
        operation["description"] = " ".join(more.split())
    if found.open:
        operation["security"] = []
    if parameters := _parameters(path, found):
        operation["parameters"] = parameters
    if found.body is not None:
        operation["requestBody"] = _body(found.body)
    return operation


def _parameters(path: str, found: Description) -> list[Json]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{FILE_ID if name == 'file_id' else ID}$"}
            if path.startswith("/api/")
            else {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]
    behind = [
        {
            "name": one.name,
            "in": "query",
            "description": one.text,
            "schema": dict(one.schema),
            **({"style": "form", "explode": one.repeated} if one.schema.get("type") == "array" else {}),
        }
        for one in found.query
    ]
    return in_path + behind


def _body(body: Any) -> Json:
    schema = ref(body) if isinstance(body, type) else dict(body)
    # An empty body is {}: it is required where {} would not do.
    fields = msgspec.structs.fields(body) if isinstance(body, type) else ()
    return {"content": {JSON: {"schema": schema}}, "required": any(field.required for field in fields)}


def _responses(path: str, method: str, found: Description, refused: Refusals) -> Json:
    answers = {str(status): response(answer) for status, answer in found.answers.items()}
    kinds: list[type[SteelyardError]] = [*(_BEFORE_THE_DOOR if found.open else _ALWAYS), *found.refusals]
    if "{" in path:
        kinds.append(refusals.NotFound)
    if method != "GET":
        kinds += _CHANGES
    html = method == "GET" and may_be_html(path)
    return dict(sorted({**refused.refer(kinds, html=html), **answers}.items()))


def _websocket(refused: Refusals) -> Json:
    """The push channel, as far as OpenAPI has words for it: its handshake."""
    resume = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    kinds = [*_ALWAYS, refusals.NotFound, refusals.AtCapacity, refusals.ShuttingDown]
    return {
        "tags": ["push"],
        "summary": "The push channel: a WebSocket.",
        "description": "docs/http.md has its messages. A request that is no handshake is 404.",
        "operationId": "get_ws",
        "parameters": [
            {
                "name": "resume_from",
                "in": "query",
                "description": "Begin with what came after this `seq`.",
                "schema": resume,
            }
        ],
        "responses": {"101": {"description": "The channel is open."}, **refused.refer(kinds, html=True)},
    }


def _tag(path: str) -> str:
    """The noun that an address is about; pages and their parts are one group."""
    words = path.split("/")
    if words[1] == "api":
        return words[2]
    return (
        "program"
        if path in ("/healthz", "/metrics", "/openapi.json")
        else "workers"
        if words[1] == "workers"
        else "pages"
    )


def _tags(paths: dict[str, Json]) -> list[Json]:
    names = {tag for item in paths.values() for operation in item.values() for tag in operation["tags"]}
    about = {"pages": "For people. Their addresses and contents may change with any version."}
    return [
        {"name": name, **({"description": about[name]} if name in about else {})} for name in sorted(names)
    ]


def _operation_id(path: str, method: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_").removeprefix("api_")
    kind = "page_" if _tag(path) == "pages" else ""
    return f"{method.lower()}_{kind}{words or 'start'}"


@describe({200: Answer(media=JSON, text="An OpenAPI 3.1 document.")})
async def show(request: Request) -> JsonAnswer:
    """This document."""
    Query(request)
    state = request.app.state
    if not hasattr(state, "openapi"):
        access: Access = state.access
        state.openapi = document(request.app.routes, access.port, access.cookie_name)
    return JsonAnswer(state.openapi)


ROUTES = [at("/openapi.json", get=show)]
