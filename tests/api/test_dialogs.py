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


def test_the_questions_of_a_sweep_are_there_whatever_its_tasks_do(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        grid = {"argv": [["sleep", "300"], ["sleep", "301"]]}
        body = {"simulation": "command", "grid": grid, "memory": "16MiB", "name": "<b>two</b>"}
        sweep_id = client.post("/api/sweeps/", json=body).json()["sweep_id"]

        def asked(question: str) -> str:
            answer = client.get(f"/htmx/sweeps/{sweep_id}/{question}/")
            assert answer.status_code == 200 and "&lt;b&gt;two" in answer.text
            return answer.text

        def stands(state: str, count: int) -> bool:
            return bool(client.get(f"/api/sweeps/{sweep_id}/").json()["counts"][state] == count)

        assert "no work is lost" in asked("cancel") and "nothing to retry" in asked("retry")
        client.post("/api/workers/add/", json={"force": True})
        eventually(lambda: stands("RUNNING", 1), within=20)
        assert "of work is lost" in asked("cancel")
        client.post(f"/api/sweeps/{sweep_id}/cancel/")
        eventually(lambda: stands("CANCELLED", 2), within=20)
        assert "nothing to cancel" in asked("cancel") and "Retry all" in asked("retry")
        assert 'id="sweep-cancel"' not in client.get(f"/sweeps/{sweep_id}/").text
        for question in ("cancel", "retry"):
            assert client.get(f"/htmx/sweeps/none/{question}/").status_code == 404


def test_the_form_says_from_where_a_relative_name_of_a_file_is_taken(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        for name, kind in (("reads", "string"), ("counts", "integer")):
            (sidecar.data_dir / "simulations" / f"{name}.toml").write_text(
                f'[simulation]\nname = "{name}"\ncommand = ["cat", "{{x}}"]\ndirectory = "{tmp_path}"\n'
                f'[parameters]\nx = {{type = "{kind}"}}\n'
            )
        says = f"A relative name of a file is taken from <code>{tmp_path}</code>."
        assert says in client.get("/submit/?simulation=reads").text
        assert says not in client.get("/submit/?simulation=counts").text
        assert client.get("/api/simulations/reads/").json()["directory"] == str(tmp_path)
        assert client.get("/api/simulations/command/").json()["directory"] is None
