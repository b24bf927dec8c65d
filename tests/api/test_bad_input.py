"""What a client may get wrong: each is refused with its code, never a 500, and nothing is changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from steelyard.rules import errors as refusals
from tests.fakes.supervisor import Unexpected
from tests.helpers.edge import Edge

JSON = {"Content-Type": "application/json"}
TASK = {"simulation": "command", "parameters": {"argv": ["true"]}}


def post(api: httpx.Client, body: bytes, path: str = "/api/tasks/") -> tuple[int, str]:
    answer = api.post(path, content=body, headers=JSON)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


X = b'{"simulation": "command", "parameters": {"x": '
BROKEN = [
    *(b"", b"{", b"[]", b"1", b"null", b"nothing", b'{"simulation": "command"', b'{"simulation": "c"} {}'),
    *(b"\xff\xfe{}", b'{"simulation": "\\ud800x"}', X + b"NaN}}", X + b"Infinity}}", X + b"1e999}}"),
    X + b"9" * 400 + b"}}",
]


@pytest.mark.parametrize("body", BROKEN)
def test_broken_json_is_refused(api: httpx.Client, server: Edge, body: bytes) -> None:
    assert post(api, body) == (400, "invalid_request")
    assert not server.supervisor.submitted


@pytest.mark.parametrize("depth", [40, 900, 5000, 100_000])
@pytest.mark.parametrize("path", ["/api/tasks/", "/api/tasks/batch/", "/api/sweeps/"])
def test_deep_nesting_is_refused(api: httpx.Client, server: Edge, depth: int, path: str) -> None:
    nested = b"[" * depth + b"]" * depth
    bodies = {
        "/api/tasks/": b'{"simulation": "command", "parameters": {"x": ' + nested + b"}}",
        "/api/tasks/batch/": b'{"tasks": [{"simulation": "command", "parameters": {"x": ' + nested + b"}}]}",
        "/api/sweeps/": b'{"simulation": "command", "grid": {"x": ' + nested + b"}}",
    }
    assert post(api, bodies[path], path) == (400, "invalid_request")
    assert post(api, b'{"a":' * depth + b"1" + b"}" * depth, path) == (400, "invalid_request")
    assert not server.supervisor.submitted


def test_what_a_simulation_needs_is_not_too_deep(api: httpx.Client) -> None:
    value: Any = 1
    for _ in range(24):
        value = {"x": value}
    assert (
        api.post("/api/tasks/", json={"simulation": "command", "parameters": {"x": value}}).status_code == 201
    )


WRONG_FIELDS: dict[str, list[Any]] = {
    "priority": [-(10**9), 101, -101, 1.5, "1", True, [], 2**70],
    "label": [1, "x" * 10_001, ["x"]],
    "attempts": [0, 101, "3", 1.0],
    "parameters": [[], "x", 1],
    "simulation": [None, 1, "", "x" * 65],
    "queue": ["Default", "a b", "", "x" * 65, "default\n"],
    "after": ["t1", [1], [""], ["t1"] * 1001],
    "tags": ["x", [1], [""], ["x" * 101], ["x"] * 101],
    "key": [1, "", "x" * 201],
    "force": ["yes", 1, "true"],
    "memory": [1.5, [], True],
    "timeout": [[], True],
    "not_before": [1768473000, True],
    "Priority": [1],
    "cores": [1],
}
CASES = [(field, value) for field, values in WRONG_FIELDS.items() for value in values]


def test_a_wrong_field_is_refused_and_named(api: httpx.Client, server: Edge) -> None:
    for field, value in CASES:
        answer = api.post("/api/tasks/", json={**TASK, field: value})
        assert answer.status_code == 400, (field, value)
        error = answer.json()["error"]
        assert error["code"] == "invalid_request" and field in error["message"] + error["detail"]["field"]
    assert not server.supervisor.submitted


def test_a_task_of_a_batch_is_named_by_its_place(api: httpx.Client, server: Edge) -> None:
    answer = api.post("/api/tasks/batch/", json={"tasks": [TASK, TASK, {**TASK, "priority": 1000}]})
    assert answer.status_code == 400 and answer.json()["error"]["detail"]["field"] == "tasks[2].priority"
    assert not server.supervisor.submitted


@pytest.mark.parametrize(
    "body", [{}, {"tasks": []}, {"tasks": {}}, {"tasks": [1]}, {"tasks": [TASK], "x": 1}, []]
)
def test_a_batch_that_is_none_is_refused(api: httpx.Client, body: Any) -> None:
    assert post(api, json.dumps(body).encode(), "/api/tasks/batch/") == (400, "invalid_request")


SWEEP = {"simulation": "command"}
SWEEPS = [SWEEP, {**SWEEP, "grid": {}, "rows": []}, {**SWEEP, "grid": {"a": 1}}, {**SWEEP, "rows": [1]},
          {**SWEEP, "rows": {}}, {"rows": [{}]}, {**SWEEP, "rows": [{}], "key": ""},
          {**SWEEP, "rows": [{}], "name": 1}, {**SWEEP, "rows": [{}], "nobody": 1}]  # fmt: skip


@pytest.mark.parametrize("body", SWEEPS)
def test_a_sweep_that_is_none_is_refused(api: httpx.Client, body: Any) -> None:
    assert post(api, json.dumps(body).encode(), "/api/sweeps/") == (400, "invalid_request")


LIMITS = ["0", "1001", "-1", "x", "1e2", "%D9%A3", "1&limit=2"]
QUERIES = [
    *(f"/api/tasks/?limit={limit}" for limit in LIMITS),
    *(
        "/api/tasks/?colour=red",
        "/api/tasks/?cursor=x",
        "/api/sweeps/?cursor=x",
        "/api/tasks/?q=%00",
        "/api/tasks/?q=" + "x" * 1001,
    ),
    *("/api/events/?since=-1", "/api/events/?limit=0", "/api/events/?since=99999999999999999999"),
    *("/api/workers/w1/log/?tail=0", "/api/tasks/t1/log/?tail=1&offset=1", "/api/tasks/t1/log/?offset=-1"),
    *("/api/tasks/t1/log/?raw=1", "/api/tasks/t1/log/?raw=1&offset=0&without_marks=1"),
    *("/api/workers/status/?x=1", "/api/system/?", "/healthz?verbose")[::2],
]


def test_a_wrong_query_is_refused(api: httpx.Client) -> None:
    for query in QUERIES:
        answer = api.get(query)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), query


@pytest.mark.parametrize("query", ["force=perhaps", "force=true&force=true", "confirm=yes"])
def test_a_wrong_yes_is_refused(api: httpx.Client, server: Edge, query: str) -> None:
    assert api.post(f"/api/workers/add/?{query}").status_code == 400
    assert not server.supervisor.workers


def test_the_wrong_method_is_405_in_json_and_names_the_right_ones(api: httpx.Client) -> None:
    cases = {
        "/api/tasks/": ("DELETE", "GET, HEAD, POST"),
        "/api/workers/add/": ("GET", "POST"),
        "/api/preferences/": ("POST", "GET, HEAD, PATCH"),
        "/api/workers/status/": ("OPTIONS", "GET, HEAD"),
        "/static/vendor/htmx.min.js": ("POST", "GET, HEAD"),
    }
    for path, (method, allowed) in cases.items():
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed"), path
        assert answer.headers["allow"] == allowed


PATHS = ["/api/tasks", "/api/workers/add", "/nope/", "/api/tasks/t1/files", "/api//tasks/", "/api/tasks//"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_exactly_as_it_is_written(api: httpx.Client, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_head_is_get_without_its_body(api: httpx.Client) -> None:
    answer = api.head("/api/workers/status/")
    assert answer.status_code == 200 and answer.content == b""
    assert int(answer.headers["content-length"]) == len(api.get("/api/workers/status/").content)
    assert api.head("/api/workers/add/").status_code == 405


def test_every_refusal_has_its_status(api: httpx.Client, server: Edge) -> None:
    full = {"insufficient_memory", "at_capacity", "no_cores", "will_never_fit"}
    expected = {
        400: {"invalid_request", "forbidden_host"},
        401: {"unauthorised"},
        403: {"forbidden_origin"},
        404: {"not_found"},
        405: {"method_not_allowed"},
        409: {*full, "confirmation_required", "conflict"},
        413: {"payload_too_large"},
        415: {"unsupported_media_type"},
        422: {"invalid_parameters"},
        503: {"shutting_down"},
        504: {"unanswered"},
        507: {"storage_full"},
    }
    seen: dict[int, set[str]] = {}
    for kind in refusals.SteelyardError.__subclasses__():
        if kind.__module__ != refusals.__name__ or kind is refusals.StartError:
            continue
        server.supervisor.refuse = kind("A sentence.", need=8, headroom=1)
        answer = api.post("/api/workers/add/")
        seen.setdefault(answer.status_code, set()).add(answer.json()["error"]["code"])
        assert answer.json()["error"]["message"] == "A sentence."
        assert answer.json()["error"]["detail"] == {"need": 8, "headroom": 1}
    assert seen == expected


def test_what_no_table_knows_is_a_500_that_tells_nothing(api: httpx.Client, server: Edge) -> None:
    for fault in (Unexpected("who am I"), ZeroDivisionError("x"), refusals.StartError("disk_full", "a", "b")):
        server.supervisor.refuse = fault
        answer = api.post("/api/workers/add/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert "who am I" not in answer.text


def test_text_that_is_no_unicode_is_still_an_answer(api: httpx.Client, server: Edge) -> None:
    server.supervisor.submitted["t1"] = {"task_id": "t1", "message": "\ud800", "progress": float("nan")}
    answer = api.get("/api/tasks/t1/")
    assert answer.status_code == 200 and answer.json()["message"] == "\ud800"


def test_rubbish_instead_of_http_is_answered_in_json(server: Edge) -> None:
    for rubbish in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"):
        answer = server.raw(rubbish, wait=1)
        assert b" 400 " in answer and b'"code":"invalid_request"' in answer
