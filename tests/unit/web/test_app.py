"""The route table is the contract's, no more and no less."""

from __future__ import annotations

from starlette.routing import Route, WebSocketRoute

from steelyard.web.access import Access
from steelyard.web.app import create_app
from tests.fakes.clocks import FakeClocks
from tests.fakes.supervisor import FakeSupervisor

API = """
GET /api/workers/status/
POST /api/workers/add/
POST /api/workers/add-many/
POST /api/workers/drain/
POST /api/workers/cleanup/
POST /api/workers/{worker_id}/drain/
POST /api/workers/{worker_id}/abort/
GET /api/workers/{worker_id}/log/
POST /workers/tick/
GET /api/startup/
POST /api/startup/
GET /api/simulations/
GET /api/simulations/{name}/
GET /api/tasks/
POST /api/tasks/
POST /api/tasks/batch/
POST /api/queue/pause/
POST /api/queue/resume/
GET /api/sweeps/
POST /api/sweeps/
GET /api/sweeps/{sweep_id}/
POST /api/sweeps/{sweep_id}/cancel/
POST /api/sweeps/{sweep_id}/retry/
GET /api/tasks/{task_id}/
PATCH /api/tasks/{task_id}/
POST /api/tasks/{task_id}/cancel/
POST /api/tasks/{task_id}/retry/
POST /api/tasks/{task_id}/suspend/
POST /api/tasks/{task_id}/resume/
GET /api/tasks/{task_id}/log/
GET /api/tasks/{task_id}/samples/
GET /api/tasks/{task_id}/files/
GET /api/tasks/{task_id}/files/{file_id}
GET /api/events/
GET /api/preferences/
PATCH /api/preferences/
GET /api/forecast/
GET /api/system/
GET /healthz
GET /htmx/workers/status/
GET /admin/
GET /sign-in/{code}
POST /api/sign-in-links/
GET /static/{name:path}
GET /
"""


def test_the_routes_are_those_of_the_contract() -> None:
    app = create_app(FakeSupervisor(), Access(1234, "00" * 32, FakeClocks()))
    found = set()
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            assert route.path == "/ws"
            continue
        assert isinstance(route, Route) and route.methods is not None
        found |= {f"{method} {route.path}" for method in route.methods - {"HEAD"}}
    assert set(API.split("\n")) - {""} <= found
    # Pages grow; the API does not grow unseen.
    assert not {line for line in found if line.split(" ")[1].startswith("/api/")} - set(API.split("\n"))


def test_a_fixed_word_is_not_taken_for_an_id() -> None:
    paths = [route.path for route in create_app(FakeSupervisor(), Access(1, "", FakeClocks())).routes]  # type: ignore[attr-defined]
    assert paths.index("/api/tasks/batch/") < paths.index("/api/tasks/{task_id}/")
