"""What the running sidecar really answers is what /openapi.json says, field by field.

Every address of the API once as it should be, and with each refusal that can be had without breaking things.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from steelyard.rules.states import Cause
from tests.helpers.api import all_run, ends, submit_python
from tests.helpers.document import Document
from tests.helpers.reach import bearer, websocket_address
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

SIMULATION = """
[simulation]
name = "quick"
command = ["{python}", "-c", "print({n})"]
[parameters]
n = {type = "integer", minimum = 0, default = 1}
"""
WRITER = """
import os, json, time
folder = os.environ["STEELYARD_OUTPUT_DIR"]
json.dump({"cost": 1.5}, open(os.path.join(folder, "result.json"), "w"))
open(os.path.join(folder, "a.csv"), "w").write("x,y\\n1,2\\n")
print("::steelyard progress 0.5 half", flush=True)
until = time.monotonic() + 60
go = os.path.join(os.environ["STEELYARD_CHECKPOINT_DIR"], "go")
while not os.path.exists(go) and time.monotonic() < until:
    time.sleep(0.02)
"""
"""It goes on until the test has seen enough of it."""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    data = tmp_path_factory.mktemp("openapi")
    (data / "simulations").mkdir()
    (data / "simulations" / "quick.toml").write_text(SIMULATION)
    (data / "simulations" / "faulty.toml").write_text("[simulation]\nname = 3\n")
    with RunningSidecar(data, WORKER_MAX_COUNT="2") as running:
        yield running


@pytest.fixture(scope="module")
def document(sidecar: RunningSidecar) -> Document:
    with sidecar.client() as client:
        return Document(client.get("/openapi.json").json())


@pytest.fixture
def client(sidecar: RunningSidecar, document: Document) -> Iterator[httpx.Client]:
    """Each of its answers is held to the document."""

    def check(answer: httpx.Response) -> None:
        answer.read()
        document.check(answer)

    with sidecar.client() as client:
        client.event_hooks["response"] = [check]
        yield client


def in_order(client: httpx.Client, data: Path) -> str:
    """A day of a sidecar, from its first question to the last worker's end; the id of a task of it."""
    assert client.get("/api/startup/").json()["answered"] is False
    client.post("/api/startup/", json={"choice": "start"})
    client.post("/api/workers/add/")
    client.post("/workers/tick/")
    assert client.post("/api/queue/pause/").json()["paused"] == "user"
    assert client.post("/api/queue/resume/").json()["paused"] is None
    all_run(client, 2)
    task_id = submit_python(
        client, WRITER, label="it's <b>", tags=["a"], key="k", memory="1MiB", timeout="1h"
    )
    again = client.get(f"/api/tasks/{task_id}/").json()["parameters"]
    client.post("/api/tasks/", json={"simulation": "command", "parameters": again, "key": "k"})
    eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["progress"], within=20)
    for verb in ("suspend", "resume"):
        answer = client.post(f"/api/tasks/{task_id}/{verb}/")
        assert answer.status_code == 200, answer.text
    client.patch(f"/api/tasks/{task_id}/", json={"priority": 3})
    (data / "tasks" / task_id / "checkpoint" / "go").touch()
    client.post("/api/tasks/batch/", json={"tasks": [{"simulation": "quick", "key": "1"}]})
    client.post("/api/tasks/batch/", json={"tasks": [{"simulation": "quick", "key": "1"}]})
    sweep = {"simulation": "quick", "grid": {"n": [1, 2]}, "priority": -1, "name": "two", "key": "s"}
    sweep_id = client.post("/api/sweeps/", json=sweep).json()["sweep_id"]
    assert client.post("/api/sweeps/", json=sweep).status_code == 200
    assert client.get("/api/sweeps/").json()["sweeps"][0]["sweep_id"] == sweep_id
    for verb in ("cancel", "retry"):
        assert client.post(f"/api/sweeps/{sweep_id}/{verb}/").status_code == 200
    assert client.get(f"/api/sweeps/{sweep_id}/").json()["total"] == 2
    wrong = submit_python(client, "raise SystemExit(7)", attempts=1)
    assert ends(client, wrong)["state"] == "FAILED"
    client.post(f"/api/tasks/{wrong}/retry/")
    later = submit_python(client, "", not_before="2099-01-01T00:00:00Z")
    client.post(f"/api/tasks/{later}/cancel/")
    assert ends(client, task_id)["result"] == {"cost": 1.5}
    for path in ("", "log/", "log/?tail=3", "log/?offset=0", "log/?offset=0&raw=1", "samples/", "files/"):
        client.get(f"/api/tasks/{task_id}/{path}")
    file_id = client.get(f"/api/tasks/{task_id}/files/").json()["files"][0]["id"]
    address = f"/api/tasks/{task_id}/files/{file_id}"
    tag = client.get(address).headers["etag"]
    client.get(address, headers={"If-None-Match": tag})
    client.get(address, headers={"Range": "bytes=0-1"})
    client.get(address, headers={"Range": "bytes=999-"})
    for path in ("/api/tasks/?limit=1", "/api/tasks/?state=SUCCEEDED,FAILED&q=it", "/api/events/?limit=1000"):
        client.get(path)
    for path in (
        "/api/simulations/",
        "/api/simulations/quick/",
        "/api/forecast/",
        "/api/system/",
        "/api/preferences/",
    ):
        client.get(path)
    for path in ("/healthz", "/metrics", "/openapi.json", "/", "/admin/", "/static/steelyard.css"):
        client.get(path)
    client.post("/api/sign-in-links/")
    client.patch("/api/preferences/", json={"replace_crashed_workers": False})
    leave(client, data)
    return task_id


def leave(client: httpx.Client, data: Path) -> None:
    """The workers go, one by each way."""
    first, second = (one["worker_id"] for one in client.get("/api/workers/status/").json()["workers"])
    client.get(f"/api/workers/{first}/log/")
    client.post(f"/api/workers/{first}/drain/")
    client.post(f"/api/workers/{second}/abort/", json={"confirm": True})
    nobody_works(client)
    client.post("/api/workers/cleanup/")
    client.post("/api/workers/add-many/", json={"count": 1})
    client.post("/api/workers/drain/")
    nobody_works(client)


def nobody_works(client: httpx.Client) -> None:
    """Wait until the last worker has left."""
    eventually(lambda: client.get("/api/workers/status/").json()["limits"]["active"] == 0, within=20)


def refused(client: httpx.Client, task_id: str) -> None:
    """What is refused, and how."""
    task = {"simulation": "quick"}
    for path, body in (
        ("/api/tasks/", {**task, "parameters": {"n": -1}}),
        ("/api/tasks/", {"simulation": "nobody"}),
        ("/api/tasks/", {**task, "memory": "60TiB"}),
        ("/api/sweeps/", {**task, "rows": [{"n": "x"}]}),
        ("/api/sweeps/", {**task, "rows": [{"n": 3}], "key": "s"}),
        ("/api/tasks/", {**task, "key": "k"}),
        ("/api/tasks/batch/", {"tasks": [task, {**task, "parameters": {"m": 1}}]}),
        ("/api/startup/", {"choice": "start"}),
        ("/api/workers/nobody/abort/", {}),
        (f"/api/tasks/{task_id}/retry/", {}),
        (f"/api/tasks/{task_id}/suspend/", {}),
    ):
        assert client.post(path, json=body).status_code in (404, 409, 422), path
    assert client.patch(f"/api/tasks/{task_id}/", json={"memory": "1GiB"}).status_code == 409
    assert client.patch("/api/preferences/", json={"worker_max_count": 3}).status_code == 409
    made = client.post("/api/workers/add-many/", json={"count": 256})
    assert len(made.json()["worker_ids"]) == 2
    assert client.post("/api/workers/add/").status_code == 409
    assert client.post(f"/api/workers/{made.json()['worker_ids'][0]}/abort/").status_code == 409
    large = json.dumps({"label": "x" * 1_100_000})
    kind = {"Content-Type": "application/json"}
    assert client.post("/api/tasks/", content=large, headers=kind).status_code == 413
    assert client.post("/api/tasks/", content="{}", headers={"Content-Type": "text/plain"}).status_code == 415


def everywhere(client: httpx.Client, document: Document) -> None:
    """Who has no token, a foreign page, a wrong parameter, an unknown id: the same at every address."""
    for method, path in sorted(document.operations):
        address = path.replace("{", "no-").replace("}", "")
        if path != "/ws":
            assert client.request(method, address, params={"no": "1"}).status_code in (303, 400, 401)
        if "{" in path and document.content["paths"][path][method.lower()]["tags"] != ["pages"]:
            assert client.request(method, address).status_code in (404, 400, 409)
        assert client.request(method, address, headers={"Origin": "http://evil.test"}).status_code == 403
        nobody = client.request(method, address, headers={"Authorization": "Bearer none"})
        assert nobody.status_code == 401
        assert client.request(method, address, headers={"Host": "localhost"}).status_code == 400
        if method != "GET" and "requestBody" in document.content["paths"][path][method.lower()]:
            assert client.request(method, address, json={"no such field": 1}).status_code == 400


def test_a_day_of_a_sidecar(sidecar: RunningSidecar, client: httpx.Client, document: Document) -> None:
    task_id = in_order(client, sidecar.data_dir)
    refused(client, task_id)
    everywhere(client, document)
    pages = {
        path
        for path, item in document.content["paths"].items()
        if item.get("get", {}).get("tags") == ["pages"]
    }
    seen = {(method, path) for method, path, status in document.seen if status < 400}
    assert {one for one in document.operations - seen if one[1] not in pages} == {("GET", "/ws")}
    # And everywhere what every address refuses. The rest takes a full disk, a stop or a race.
    for method, path in document.operations:
        for status in {"400", "401", "403"} & document.answers(method, path).keys():
            assert (method, path, int(status)) in document.seen
    kinds = {kind for one in client.get("/metrics").text.splitlines() for kind in Cause if f'"{kind}"' in one}
    assert kinds == set(Cause)


def test_what_the_websocket_says_is_of_the_same_types(
    sidecar: RunningSidecar, client: httpx.Client, document: Document
) -> None:
    record = sidecar.record
    with connect(websocket_address(record), additional_headers=bearer(record), proxy=None) as websocket:
        snapshot = json.loads(websocket.recv(timeout=10))
        document.validate(snapshot["status"], document.component("Status"), "snapshot")
        websocket.send(json.dumps({"subscribe": ["memory", "queue"]}))
        submit_python(client, "", label="seen")
        client.post("/api/workers/add/") if not snapshot["status"]["limits"]["active"] else None
        types = {"task": "Task", "worker": "Worker", "memory": "Memory", "queue": "QueueCounts"}
        left = {"task", "memory", "queue"}
        while left:
            message = json.loads(websocket.recv(timeout=10))
            if message["type"] in types:
                document.validate(
                    message[message["type"]], document.component(types[message["type"]]), message["type"]
                )
            left.discard(message["type"])
