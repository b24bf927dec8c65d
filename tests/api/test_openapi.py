"""/openapi.json says what routes, forms and the table of errors say, and is a document of its kind."""

from __future__ import annotations

import json
import re
from typing import get_type_hints, is_typeddict

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import WebSocketRoute

from steelyard.client import answers
from steelyard.rules.errors import SteelyardError
from steelyard.web import forms, openapi
from steelyard.web.describing import description_of
from steelyard.web.errors import STATUS
from steelyard.web.schemas import events, program, tasks, workers
from steelyard.web.schemas.common import Reply
from tests.helpers.document import Document
from tests.helpers.edge import Edge


@pytest.fixture
def document(api: httpx.Client) -> Document:
    return Document(api.get("/openapi.json").json())


def routed(server: Edge) -> set[tuple[str, str]]:
    """(method, path) of every route, taken from Starlette's own table."""
    found = set()
    for route in server.app.routes:
        path = re.sub(r":\w+}", "}", getattr(route, "path", ""))
        methods = {"GET"} if isinstance(route, WebSocketRoute) else getattr(route, "methods", None)
        assert methods is not None, f"a route of an unknown kind: {route}"
        found |= {(method, path) for method in methods - {"HEAD"}}
    return found


def test_the_document_has_every_route_and_no_other(server: Edge, document: Document) -> None:
    assert document.operations == routed(server)


def test_it_is_of_version_3_1_and_its_schemas_are_schemas(document: Document) -> None:
    content = document.content
    assert content["openapi"] == "3.1.0"
    assert content["servers"] and content["info"]["version"]
    for schema in content["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"\$ref": "#/components/([^"]+)"', json.dumps(content)))
    for reference in references:
        kind, name = reference.split("/")
        assert name in content["components"][kind]
    for name in content["components"]["responses"]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        assert f"responses/{name}" in references
    ids = [one["operationId"] for item in content["paths"].values() for one in item.values()]
    assert len(ids) == len(set(ids))


def test_every_handler_but_those_of_pages_says_what_it_answers(server: Edge) -> None:
    for path, method, handler in openapi.operations(server.app.routes):
        about_pages = handler.__module__.startswith(("steelyard.web.pages", "steelyard.web.assets"))
        assert about_pages or description_of(handler) is not None, f"{method} {path}"
        assert about_pages or handler.__doc__, f"{method} {path}"


def test_every_form_is_the_body_of_a_route(server: Edge) -> None:
    every = {one for one in vars(forms).values() if isinstance(one, type) and issubclass(one, forms.Form)}
    shown = set()
    for _, _, handler in openapi.operations(server.app.routes):
        found = description_of(handler)
        if found is not None and isinstance(found.body, type):
            shown.add(found.body)
    assert every - shown == {forms.Form, forms.Work}


def test_it_speaks_to_who_has_only_this_document(document: Document) -> None:
    text = json.dumps(document.content)
    assert "DESIGN" not in text and "the store says" not in text


def test_the_codes_of_each_status_are_those_of_the_table(document: Document) -> None:
    by_status: dict[str, set[str]] = {}
    for kind, status in STATUS.items():
        by_status.setdefault(str(status), set()).add(kind.code)
    told: dict[str, set[str]] = {}
    for name, answer in document.content["components"]["responses"].items():
        schema = answer["content"]["application/json"]["schema"]
        codes = schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]
        assert set(codes) <= by_status[name[:3]]
        told.setdefault(name[:3], set()).update(codes)
    # 405 belongs to no operation: an operation is a method that is there.
    assert told == {status: codes for status, codes in by_status.items() if status != "405"}


def test_only_the_sign_in_link_is_open(document: Document) -> None:
    open_ = [
        path for path, item in document.content["paths"].items() for one in item.values() if "security" in one
    ]
    assert open_ == ["/sign-in/{code}"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_parameter_of_another_address_is_refused(
    api: httpx.Client, document: Document, method: str
) -> None:
    """So the document lists every parameter that there is: none is taken that it does not have."""
    paths = document.content["paths"]
    names = {
        one["name"] for item in paths.values() for op in item.values() for one in op.get("parameters", [])
    }
    for path, item in paths.items():
        operation = item.get(method.lower())
        if operation is None or operation["tags"] == ["pages"] or path == "/ws":
            continue
        has = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
        for name in sorted(names - has):
            answer = api.request(method, re.sub(r"{\w+}", "x", path), params={name: "1"})
            assert answer.status_code == 400, f"{method} {path}?{name}=1: {answer.text[:200]}"
            assert answer.json()["error"]["detail"]["field"] == name


def test_the_bounds_of_a_parameter_are_those_that_are_checked(api: httpx.Client, document: Document) -> None:
    tried = 0
    for path, item in document.content["paths"].items():
        for one in item.get("get", {}).get("parameters", []):
            schema = one["schema"]
            if "maximum" not in schema or path == "/ws":
                continue
            address = re.sub(r"{\w+}", "x", path)
            for value in (schema["minimum"], schema["maximum"]):
                assert api.get(address, params={one["name"]: value}).status_code in (200, 404)
            for value in (schema["minimum"] - 1, schema["maximum"] + 1, "1.0", "x"):
                assert api.get(address, params={one["name"]: value}).status_code == 400
            tried += 1
    assert tried == 7


def test_the_types_for_clients_have_the_same_fields() -> None:
    """steelyard.client has the types for programs without msgspec: of one name, with the same fields."""
    ours = {
        name: {field.encode_name for field in msgspec.structs.fields(kind)}
        for module in (workers, tasks, events, program)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Reply)
    }
    ours |= {"Event": {*ours["WorkerEvent"], "kind"}, "EventPage": ours["Events"]}
    theirs = {name: set(get_type_hints(kind)) for name, kind in vars(answers).items() if is_typeddict(kind)}
    assert theirs.keys() - ours.keys() <= {"Result"}
    for name in theirs.keys() & ours.keys():
        # These two name only what a program needs of them.
        missing = ours[name] - theirs[name] if name not in ("LogText", "Simulation") else set()
        assert (name, theirs[name] - ours[name], missing) == (name, set(), set())


def test_every_refusal_has_a_status() -> None:
    assert all(issubclass(kind, SteelyardError) for kind in STATUS)


def test_a_page_is_described_as_one(document: Document) -> None:
    start = document.content["paths"]["/"]["get"]
    assert start["tags"] == ["pages"] and list(start["responses"]["200"]["content"]) == ["text/html"]
