"""Workers over HTTP: paths, statuses and bodies."""

from __future__ import annotations

import httpx
import pytest

from tests.helpers.edge import Edge


def test_the_status_is_the_supervisors(api: httpx.Client, server: Edge) -> None:
    answer = api.get("/api/workers/status/")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json() == server.supervisor.status()


@pytest.mark.parametrize("force", [{"json": {"force": True}}, {"params": {"force": "true"}}])
def test_a_worker_is_added_by_force(api: httpx.Client, server: Edge, force: dict[str, object]) -> None:
    answer = api.post("/api/workers/add/", **force)  # type: ignore[arg-type]
    assert answer.status_code == 201
    assert answer.json() == {"status": "success", "worker_id": next(iter(server.supervisor.workers))}
    assert "add_worker(True)" in server.supervisor.calls


@pytest.mark.parametrize("body", [None, {}, {"force": False}, {"force": None}])
def test_or_without(api: httpx.Client, server: Edge, body: object) -> None:
    answer = api.post("/api/workers/add/") if body is None else api.post("/api/workers/add/", json=body)
    assert answer.status_code == 201
    assert "add_worker(False)" in server.supervisor.calls


def test_several_are_added(api: httpx.Client, server: Edge) -> None:
    answer = api.post("/api/workers/add-many/", json={"count": 3})
    assert answer.status_code == 201
    assert answer.json() == {"status": "success", "worker_ids": list(server.supervisor.workers)}
    for count in (0, 257, None, "3"):
        assert api.post("/api/workers/add-many/", json={"count": count}).status_code == 400


def test_drain_takes_the_named_one_or_leaves_the_choice(api: httpx.Client, server: Edge) -> None:
    assert api.post("/api/workers/drain/").status_code == 404
    worker_id = api.post("/api/workers/add/").json()["worker_id"]
    done = {"status": "success", "worker_id": worker_id}
    for path, body in (
        ("/api/workers/drain/", {}),
        ("/api/workers/drain/", {"worker_id": worker_id}),
        (f"/api/workers/{worker_id}/drain/", {}),
    ):
        answer = api.post(path, json=body)
        assert (answer.status_code, answer.json()) == (200, done)
    calls = [call for call in server.supervisor.calls if call.startswith("drain")]
    assert calls == ["drain_worker(None)"] * 2 + [f"drain_worker({worker_id})"] * 2
    assert api.post("/api/workers/none/drain/").status_code == 404


def test_abort_wants_to_be_confirmed(api: httpx.Client) -> None:
    path = f"/api/workers/{api.post('/api/workers/add/').json()['worker_id']}/abort/"
    refused = api.post(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "confirmation_required")
    assert api.post(path, json={"confirm": False}).status_code == 409
    assert api.post(path, json={"confirm": True}).status_code == 200
    assert api.post(path + "?confirm=yes").status_code == 200
    assert api.post("/api/workers/none/abort/?confirm=yes").status_code == 404


def test_tick_cleanup_and_log(api: httpx.Client, server: Edge) -> None:
    nothing = {"failed_on_timeout": 0, "marked_dead": 0, "cleaned_up": 0, "tasks_requeued": 0}
    assert api.post("/workers/tick/").json() == {"status": "success", "transitions": nothing}
    assert api.post("/api/workers/cleanup/").json() == {"status": "success", "cleaned_up": 0}
    worker_id = api.post("/api/workers/add/").json()["worker_id"]
    answer = api.get(f"/api/workers/{worker_id}/log/?tail=3")
    assert answer.json() == {"worker_id": worker_id, "text": "ed\n"}
    assert api.get("/api/workers/none/log/").status_code == 404


def test_the_fragment_and_the_old_start_page(api: httpx.Client) -> None:
    fragment = api.get("/htmx/workers/status/")
    assert fragment.status_code == 200 and fragment.headers["content-type"].startswith("text/html")
    assert "<html" not in fragment.text
    old = api.get("/admin/")
    assert old.status_code == 303 and old.headers["location"] == "/"


def test_a_person_on_the_way_to_nowhere_gets_a_page(api: httpx.Client) -> None:
    answer = api.get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/html")
    assert api.get("/api/nowhere", headers={"Accept": "text/html"}).json()["error"]["code"] == "not_found"


def test_health_and_the_way_out(api: httpx.Client, server: Edge) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    server.supervisor.stopping = True
    answer = api.get("/healthz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")


def test_the_queue_is_paused_and_resumed(api: httpx.Client, server: Edge) -> None:
    for verb, by in (("pause", "user"), ("pause", "user"), ("resume", None), ("resume", None)):
        answer = api.post(f"/api/queue/{verb}/")
        assert (answer.status_code, answer.json()) == (200, {"status": "success", "paused": by})
        assert api.get("/api/workers/status/").json()["queue"]["paused"] == by
    assert api.post("/api/queue/pause/", json={"by": "battery"}).status_code == 400
    assert api.get("/api/queue/pause/").status_code == 405
    assert server.supervisor.paused is None


def test_startup_preferences_system_events_and_simulations(api: httpx.Client, server: Edge) -> None:
    assert api.get("/api/startup/").json()["prompt"] is None
    assert api.post("/api/startup/", json={"choice": "start"}).status_code == 200
    assert api.post("/api/startup/", json={"choice": "stop"}).status_code == 400
    assert api.post("/api/startup/").status_code == 400
    assert api.get("/api/preferences/").json() == {"values": {}}
    assert api.patch("/api/preferences/", json={"worker_max_count": 2}).json() == {
        "values": {"worker_max_count": 2}
    }
    assert api.patch("/api/preferences/", json=[]).status_code == 400
    assert api.get("/api/system/").json() == {"version": "0"}
    for _ in range(3):
        server.say("task", task={})
    page = api.get("/api/events/?limit=2").json()
    assert [event["seq"] for event in page["events"]] == [1, 2] and page["next"] == 2
    assert [event["seq"] for event in api.get("/api/events/?since=2").json()["events"]] == [3]
    assert api.get("/api/simulations/").json()["simulations"][0]["name"] == "command"
    assert api.get("/api/simulations/command/").status_code == 200
    assert api.get("/api/simulations/nope/").status_code == 404
