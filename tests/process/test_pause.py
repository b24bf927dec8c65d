"""A pause of the queue, with a real sidecar: nothing starts, what runs ends, and a restart keeps it."""

from __future__ import annotations

from pathlib import Path

from steelyard.client import Client
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually


def test_a_pause_outlives_the_sidecar_and_ends_when_a_person_says_so(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        api.all_run(client, 1)
        running = api.submit(client, ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done"])
        api.reaches(client, running, "RUNNING")
        waits = api.submit(client, ["true"])
        assert client.post("/api/queue/pause/").json() == {"status": "success", "paused": "user"}
        go.touch()
        assert api.ends(client, running)["state"] == "SUCCEEDED"
        worker = client.get("/api/workers/status/").json()["workers"][0]
        assert worker["task"] is None
        assert client.get(f"/api/tasks/{waits}/").json()["waiting_for"] == "the queue, which is paused"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        assert client.get("/api/workers/status/").json()["queue"]["paused"] == "user"
        with Client(sidecar.record["url"], sidecar.record["token"]) as steelyard:
            assert steelyard.task(waits)["state"] == "READY"
            assert steelyard.resume_queue() is None
        assert api.ends(client, waits)["state"] == "SUCCEEDED"
        eventually(
            lambda: (
                [
                    one["data"]["subject"]
                    for one in client.get("/api/events/?limit=1000").json()["events"]
                    if one["kind"] == "prompt"
                ]
                == ["queue", "queue"]
            ),
            within=PATIENCE,
        )
