"""The database locked, moved away or damaged, logs taken away, a difficult path: told in the panel, the log
and the answers; work goes on or stops safely, and all is well again when the cause is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.faults.test_full_disk import fatal
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.waiting import eventually

TASK = {"simulation": "command", "parameters": {"argv": ["true"]}}


def storage(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/system/").json()["storage"]
    return found


def panel(client: httpx.Client) -> str:
    """What stands at the top of every page."""
    page, fragment = client.get("/submit/"), client.get("/htmx/storage/")
    assert (page.status_code, fragment.status_code) == (200, 200)
    assert ('class="alert alert-danger outage" data-state' in page.text) == ("data-state" in fragment.text)
    return fragment.text


def notices(client: httpx.Client) -> list[dict[str, Any]]:
    found = client.get("/api/events/", params={"limit": 1000}).json()["events"]
    return [event["data"] for event in found if event["kind"] == "prompt"]


def log_of(sidecar: RunningSidecar) -> str:
    return (sidecar.data_dir / "logs" / "sidecar.log").read_text()


def doctor(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steelyard", "doctor", "--data-dir", str(data), *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )


def spoil(database: Path) -> None:
    """Overwrite the middle of a file."""
    with database.open("r+b") as file:
        pages = file.seek(0, os.SEEK_END) // 4096
        for page in range(2, pages, 3):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


@contextlib.contextmanager
def waiting_task(client: httpx.Client, folder: Path) -> Iterator[tuple[str, Path]]:
    """A running task that writes a result and ends once a file is there, and that file."""
    go = folder / "go"
    program = (
        "import os, pathlib, time\n"
        f"go = pathlib.Path({str(go)!r})\n"
        "while not go.exists(): time.sleep(0.02)\n"
        "print('done')\n"
        "pathlib.Path(os.environ['STEELYARD_OUTPUT_DIR'], 'result.json').write_text('42')\n"
    )
    task_id = api.submit_python(client, program)
    api.reaches(client, task_id, "RUNNING")
    eventually(lambda: api.task(client, task_id)["attempts"][0]["pid"], within=PATIENCE)
    yield task_id, go


def test_locked_by_another_program_for_longer_than_anyone_waits(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        with waiting_task(client, tmp_path) as (task_id, go):
            foreign = sqlite3.connect(data / "steelyard.db", isolation_level=None)
            foreign.execute("BEGIN EXCLUSIVE")
            refused = client.post("/api/tasks/", json=TASK)
            assert api.code(refused) == (507, "storage_full")
            assert "Another program" in refused.json()["error"]["message"]
            assert refused.json()["error"]["detail"]["reason"] == "locked"
            assert storage(client)["state"] == "locked"
            assert "steelyard.db open" in panel(client) and 'data-state="locked"' in panel(client)
            # What ends meanwhile keeps its result in its folder, and reading goes on.
            go.touch()
            result = data / "tasks" / task_id / "attempt-1" / "output" / "result.json"
            eventually(result.exists, within=PATIENCE)
            eventually(lambda: "is not recorded yet" in log_of(sidecar), within=PATIENCE)
            assert api.task(client, task_id)["state"] == "RUNNING"
            foreign.execute("COMMIT")
            foreign.close()
        done = api.ends(client, task_id)
        assert (done["state"], done["result"]) == ("SUCCEEDED", 42)
        assert api.ends(client, api.submit(client, ["true"]))["state"] == "SUCCEEDED"
        assert storage(client) == {"state": "ok", "message": None, "since": None}
        assert "data-state" not in panel(client)
        [told] = eventually(
            lambda: [one for one in notices(client) if one["subject"] == "storage"], within=PATIENCE
        )
        assert told["state"] == "locked" and "Another program held the database" in told["text"]
        log = log_of(sidecar)
        assert "the database takes no changes: Another program holds" in log
        assert "the database takes changes again" in log
        assert "Traceback" not in log
        assert sidecar.terminate() == 0


def test_moved_away_and_put_back(tmp_path: Path) -> None:
    """SQLite would go on writing into the file wherever it is, and what was acknowledged would be lost."""
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        kept = api.submit(client, ["true"], queue="nobody")
        # The worker may shake hands before this or after it: it is at work afterwards either way.
        (data / "steelyard.db").rename(data / "elsewhere.db")
        refused = client.post("/api/tasks/", json=TASK)
        assert api.code(refused) == (507, "storage_full")
        assert refused.json()["error"]["detail"]["reason"] == "moved"
        assert storage(client)["state"] == "moved"
        assert "Put steelyard.db back" in panel(client)
        assert api.task(client, kept)["state"] == "READY"
        (data / "elsewhere.db").rename(data / "steelyard.db")
        eventually(lambda: storage(client)["state"] == "ok", within=PATIENCE)
        assert api.ends(client, api.submit(client, ["true"]))["state"] == "SUCCEEDED"
        assert "Traceback" not in log_of(sidecar)
        assert sidecar.terminate() == 0


def test_deleted_while_it_is_in_use_it_is_written_anew_at_the_stop(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        kept = api.submit(client, ["true"])
        for path in data.glob("steelyard.db*"):
            path.unlink()
        # Nobody has to ask for a change before it is told.
        eventually(lambda: storage(client)["state"] == "moved", within=PATIENCE)
        assert api.code(client.post("/api/tasks/", json=TASK)) == (507, "storage_full")
        assert sidecar.terminate() == 0
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        assert api.ends(client, kept)["state"] == "SUCCEEDED"
        assert storage(client)["state"] == "ok"
        assert doctor(data, "--json").returncode == 0


def many(client: httpx.Client, batches: int = 1) -> None:
    one = {**TASK, "queue": "nobody", "label": "x" * 400}
    for _ in range(batches):
        assert client.post("/api/tasks/batch/", json={"tasks": [one] * 2000}).status_code == 201


def test_damaged_at_the_start_the_last_backup_is_offered_and_put_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        kept = api.submit_python(client, "print('kept')")
        assert api.ends(client, kept)["state"] == "SUCCEEDED"
        assert sidecar.terminate() == 0
    [backup] = data.glob("steelyard.db.backup-*")
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        later = api.submit_python(client, "print('later')")
        assert api.ends(client, later)["state"] == "SUCCEEDED"
        sidecar.kill()
    spoil(data / "steelyard.db")
    damaged = (data / "steelyard.db").read_bytes()
    event = fatal(data)
    assert event["code"] == "database_corrupt"
    assert backup.name in event["remedy"] and "doctor --repair" in event["remedy"]
    assert (data / "steelyard.db").read_bytes() == damaged
    shown = doctor(data, "--repair")
    assert shown.returncode == 1 and backup.name in shown.stdout and "nobody is there" in shown.stderr
    assert (data / "steelyard.db").read_bytes() == damaged
    done = doctor(data, "--repair", "--yes")
    assert done.returncode == 0, done
    [aside] = [one for one in data.glob("steelyard.db.damaged-*") if not one.name.endswith(("-wal", "-shm"))]
    assert aside.read_bytes() == damaged
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        assert api.task(client, kept)["state"] == "SUCCEEDED"
        assert api.log(client, kept) == "kept\n"
        assert client.get(f"/api/tasks/{later}/").status_code == 404
        assert (data / "found" / later / "attempt-1" / "output.log").read_text() == "later\n"
        refused = doctor(data, "--repair", "--yes")
        assert refused.returncode == 1 and "Nothing was changed" in refused.stderr
        assert sidecar.terminate() == 0


def test_damage_that_is_met_while_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        many(client, 4)
        assert sidecar.terminate() == 0
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        with waiting_task(client, tmp_path) as (task_id, go):
            spoil(data / "steelyard.db")
            answers = [client.get("/api/tasks/", params={"q": "nowhere"})]
            answers += [client.post("/api/tasks/batch/", json={"tasks": [TASK] * 500}) for _ in range(3)]
            assert {answer.status_code for answer in answers} <= {200, 201, 507}
            assert any(answer.status_code == 507 for answer in answers)
            eventually(lambda: storage(client)["state"] == "corrupt", within=PATIENCE)
            assert "doctor --repair" in panel(client)
            assert "doctor --repair" in client.get("/", headers={"Accept": "text/html"}).text
            assert client.get("/healthz").status_code == 200
            go.touch()
            result = data / "tasks" / task_id / "attempt-1" / "output" / "result.json"
            eventually(result.exists, within=PATIENCE)
        assert "Traceback" not in log_of(sidecar)
        assert log_of(sidecar).count("takes no changes") + log_of(sidecar).count("is damaged") < 4
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(PATIENCE) == 0
    assert fatal(data)["code"] == "database_corrupt"
    assert result.read_text() == "42"


def test_logs_that_are_taken_away_come_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        [worker] = api.all_run(client, 1)
        shutil.rmtree(data / "logs")
        done = api.ends(client, api.submit_python(client, "print('out')"))
        assert done["state"] == "SUCCEEDED"
        own = data / "logs" / f"worker_{worker['worker_id']}.log"
        eventually(lambda: own.exists() and done["task_id"] in own.read_text(), within=PATIENCE)
        # Something that the sidecar logs: an order that it cannot follow.
        answer = client.post("/api/workers/add-many/", json={"count": 200})
        assert answer.status_code in (201, 409)
        sidecar.terminate()
        assert "leaving (SIGTERM)" in log_of(sidecar)
        if os.name == "posix":
            assert (data / "logs").stat().st_mode & 0o777 == 0o700
            assert own.stat().st_mode & 0o777 == 0o600


def test_a_path_with_spaces_other_alphabets_and_200_characters(tmp_path: Path) -> None:
    """The whole life: start, a task with output and files, restart, the doctor."""
    name = "Größe & 計算 'a b' ñ "
    folder = tmp_path / name / ("lang " * 60)[: max(1, 199 - len(str(tmp_path / name)))].strip()
    data = folder / "dä"
    assert len(str(data)) >= 200
    program = (
        "import json, os, pathlib\n"
        "out = pathlib.Path(os.environ['STEELYARD_OUTPUT_DIR'])\n"
        "(out / 'Größe 計.csv').write_text('a,b\\n1,2\\n', encoding='utf-8')\n"
        "(out / 'result.json').write_text(json.dumps({'ok': True}))\n"
        "pathlib.Path(os.environ['STEELYARD_CHECKPOINT_DIR'], 'c p').write_text('x')\n"
        "print('::steelyard checkpoint')\n"
        "print('größe 計', flush=True)\n"
    )
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit(client, [sys.executable, "-X", "utf8", "-c", program])
        done = api.ends(client, task_id)
        assert (done["state"], done["result"]) == ("SUCCEEDED", {"ok": True}), done
        assert "größe 計" in api.log(client, task_id)
        files = {one["name"]: one["id"] for one in client.get(f"/api/tasks/{task_id}/files/").json()["files"]}
        assert set(files) == {"Größe 計.csv", "result.json"}
        assert client.get(f"/api/tasks/{task_id}/files/{files['Größe 計.csv']}").text == "a,b\n1,2\n"
        assert panel(client)
        assert sidecar.terminate() == 0
    assert list(data.glob("steelyard.db.backup-*"))
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        assert api.task(client, task_id)["state"] == "SUCCEEDED"
        assert "größe 計" in api.log(client, task_id)
        assert "Traceback" not in log_of(sidecar)
        assert sidecar.terminate() == 0
    spoil(data / "steelyard.db")
    assert fatal(data)["code"] == "database_corrupt"
    assert doctor(data, "--repair", "--yes").returncode == 0
    found = json.loads(doctor(data, "--json").stdout)
    assert not [one for one in found["findings"] if one["subject"] == "Database" and one["level"] != "ok"]
