"""The table of calls against the routes of the server: nothing is missing, nothing is asked in vain."""

from __future__ import annotations

import inspect
import re

from steelyard.client.bound import Route
from steelyard.client.calls import Calls
from steelyard.client.exchange import Call
from steelyard.web import app, openapi, push

EXAMPLES = {"argv": ["x"], "count": 1, "body": {}, "tasks": [], "changes": {}, "grid": {"a": [1]}}


def made() -> dict[str, Call[object]]:
    """Every call of the table by its name, made with arguments that say their own name."""
    calls = {}
    for name, entry in inspect.getmembers_static(Calls):
        if isinstance(entry, Route):
            parameters = list(inspect.signature(entry._make).parameters.values())[1:]
            needed = [one for one in parameters if one.default is one.empty and one.kind < one.KEYWORD_ONLY]
            calls[name] = entry.call(*(EXAMPLES.get(one.name, one.name) for one in needed))
    # Without an id it is another route.
    calls["drain one"] = Calls.drain.call("worker_id")
    return calls


def test_every_route_for_programs_has_a_call_and_no_call_leads_nowhere() -> None:
    routes = app.all_routes(push.Hub(None))  # type: ignore[arg-type]
    theirs = {(method, path) for path, method, _ in openapi.operations(routes)}
    mine = {(call.method, call.path) for call in made().values()}
    asked = {(method, path) for method, path in theirs if path.startswith("/api/") or "tick" in path}
    streams = {("GET", "/api/tasks/{task_id}/files/{file_id}")}  # download() fetches it
    braced = {(method, re.sub(r"{(\w+)}", r"\1", path)) for method, path in asked - streams}
    assert mine == braced


def test_ids_stay_one_segment() -> None:
    assert Calls.task.call("../x/..").path == "/api/tasks/..%2Fx%2F../"
    assert Calls.task.call("..").path == "/api/tasks/%2E%2E/"
