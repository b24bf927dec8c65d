"""What the dialogs say of tasks in every state: they are asked for a moment after the state has changed."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually


def test_the_question_before_a_cancel_is_there_whatever_the_task_does(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        parameters = {"argv": ["sleep", "300"]}
        task_id = client.post("/api/tasks/", json={"simulation": "command", "parameters": parameters}).json()[
            "task_id"
        ]
        waits = client.get(f"/htmx/tasks/{task_id}/cancel/")
        assert waits.status_code == 200 and "It does not run now: no work is lost." in waits.text
        client.post("/api/workers/add/", json={"force": True})
        eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["state"] == "RUNNING", within=20)
        runs = client.get(f"/htmx/tasks/{task_id}/cancel/")
        assert runs.status_code == 200 and "All of its work is lost" in runs.text
        client.post(f"/api/tasks/{task_id}/cancel/")
        eventually(lambda: client.get(f"/api/tasks/{task_id}/").json()["state"] == "CANCELLED", within=20)
        ended = client.get(f"/htmx/tasks/{task_id}/cancel/")
        assert ended.status_code == 200 and "no work is lost" in ended.text
        assert client.get(f"/tasks/{task_id}/").status_code == 200
