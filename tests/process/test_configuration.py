"""What a start is told by environment, preferences and files: each `fatal` line, provoked."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers import api
from tests.helpers.reach import async_client_of
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.waiting import eventually
from tests.process.test_hello import hello

# One value each: what else is out of range, tests/unit/settings tries without a process.
RANGES = [
    ("WORKER_MAX_COUNT", "257", "0 to 256"),
    ("WORKER_TASK_TIMEOUT", "31536001", "0 to 31536000"),
    ("WORKER_STARTUP_TIMEOUT", "0", "1 to 600"),
    ("WORKER_HEARTBEAT_INTERVAL", "601", "1 to 600"),
    ("WORKER_LOG_DIR", "/proc/no/such/folder", "can be written"),
    ("WORKER_QUEUE_NAME", "Default", "[a-z0-9_-]{1,64}"),
    ("WORKER_CLEANUP_AGE", "-1", "0 to 31536000"),
    ("WORKER_PEAK_MEMORY", "15MiB", "16 MiB to 64 TiB"),
    ("WORKER_MEMORY_GUARD", "65TiB", "0 B to 64 TiB"),
    ("WORKER_CORES", "0", "1 to 1024"),
]
GOOD = {
    "WORKER_MAX_COUNT": "256",
    "WORKER_TASK_TIMEOUT": "2d",
    "WORKER_STARTUP_TIMEOUT": "10m",
    "WORKER_HEARTBEAT_INTERVAL": "1",
    "WORKER_QUEUE_NAME": "a_b-1",
    "WORKER_CLEANUP_AGE": "0",
    "WORKER_PEAK_MEMORY": "16 MiB",
    "WORKER_MEMORY_GUARD": "1.5 GB",
    "WORKER_CORES": "1024",
}


def refused(data: Path, *arguments: str, with_hello: bool, **env: str) -> dict[str, Any]:
    """The fatal event of a start, which must be the last line of a stdout of nothing but events."""
    place = ["--hello"] if with_hello else ["--data-dir", str(data)]
    process = subprocess.Popen(
        [sys.executable, "-m", "steelyard", "serve", *place, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env),
    )
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        if with_hello:
            process.stdin.write(hello(data))
            process.stdin.flush()
        try:
            status = process.wait(PATIENCE)
        finally:
            process.kill()
        events = [json.loads(line) for line in process.stdout.read().splitlines()]
        stderr = process.stderr.read().decode()
    assert status == 2, (status, events, stderr)
    last: dict[str, Any] = events[-1]
    assert set(last) == {"event", "code", "message", "remedy"} and last["event"] == "fatal"
    assert [event["event"] for event in events[:-1]] == ["phase"] * (len(events) - 1)
    for sentence in (last["message"], last["remedy"]):
        assert sentence[0].isupper() or sentence[0] in "/'" or sentence.startswith("WORKER")
        assert sentence.endswith(".") and "Traceback" not in sentence
    assert stderr == ("" if with_hello else f"{last['message']} {last['remedy']}\n")
    return last


@pytest.mark.parametrize(("variable", "value", "said"), RANGES, ids=[name for name, _, _ in RANGES])
def test_a_variable_out_of_range_is_named_with_value_and_range(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    found = refused(tmp_path / "data", with_hello=variable == "WORKER_CORES", **{variable: value})
    assert found["code"] == "bad_configuration"
    assert variable in found["message"] and said in found["message"] and value in found["message"]


def test_a_log_folder_that_the_next_start_would_refuse_is_refused_at_once(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        for folder in ("/proc/no/such/folder", "/dev/null", "/dev/null/logs"):
            refused = client.patch("/api/preferences/", json={"worker_log_dir": folder, "keep_tasks": 2})
            assert api.code(refused) == (400, "invalid_request")
            [wrong] = refused.json()["error"]["detail"]["errors"]
            assert wrong["path"] == "worker_log_dir" and "can be written" in wrong["message"]
        assert set(client.get("/api/preferences/").json()["sources"].values()) <= {"default", "environment"}
        wanted = tmp_path / "new" / "logs"
        assert client.patch("/api/preferences/", json={"worker_log_dir": str(wanted)}).status_code == 200
        assert stat.S_IMODE(wanted.stat().st_mode) == 0o700


def test_a_log_folder_of_others_stays_open_to_them(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with RunningSidecar(tmp_path / "data", "--workers", "1", WORKER_LOG_DIR=str(shared)) as sidecar:
        assert sidecar.ready
        [log] = shared.glob("worker_*.log")
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


def test_the_ends_of_the_ranges_are_in_them_and_each_value_knows_its_source(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", **GOOD) as sidecar, sidecar.client() as client:
        found = client.get("/api/preferences/").json()
        assert found["values"]["worker_memory_guard"] == 1_500_000_000
        assert found["values"]["worker_task_timeout"] == 172_800
        for variable in GOOD:
            assert found["sources"][variable.lower()] == "environment"
        assert found["sources"]["worker_log_dir"] == "default"
        locked = client.patch("/api/preferences/", json={"worker_max_count": 2})
        assert api.code(locked) == (409, "conflict")
        assert locked.json()["error"]["detail"] == {"locked": ["worker_max_count"]}


def test_preferences_change_what_the_next_worker_gets(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        for wrong in (
            {"worker_max_count": 257},
            {"worker_max_count": "3"},
            {"worker_queue_name": "A"},
            {"no_such": 1},
            {"replace_crashed_workers": 1},
        ):
            answer = client.patch("/api/preferences/", json=wrong)
            assert api.code(answer) == (400, "invalid_request")
            [error] = answer.json()["error"]["detail"]["errors"]
            assert error["path"] in wrong and error["message"]
        first = client.post("/api/workers/add/").json()["worker_id"]
        changed = client.patch(
            "/api/preferences/", json={"worker_max_count": 2, "worker_queue_name": "night"}
        ).json()
        assert changed["values"]["worker_max_count"] == 2
        assert changed["sources"]["worker_max_count"] == "preference"
        second = client.post("/api/workers/add/").json()["worker_id"]
        queues = {worker["worker_id"]: worker["queue"] for worker in api.workers(client)}
        assert queues == {first: "default", second: "night"}
        limits = client.get("/api/workers/status/").json()["limits"]
        assert (limits["hard_cap"], limits["can_add"]) == (2, False)
        back = client.patch("/api/preferences/", json={"worker_max_count": None}).json()
        assert (back["values"]["worker_max_count"], back["sources"]["worker_max_count"]) == (4, "default")
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        assert client.get("/api/preferences/").json()["values"]["worker_queue_name"] == "night"


def test_preferences_that_cannot_be_read_are_set_aside_and_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "preferences.json").write_text('{"worker_max_count": ')
    with RunningSidecar(data) as sidecar, sidecar.client() as client:
        [aside] = data.glob("preferences.json.unreadable-*")
        assert aside.read_text() == '{"worker_max_count": '
        assert aside.name in client.get("/api/preferences/").json()["notice"]
        prompts = [e["data"] for e in client.get("/api/events/").json()["events"] if e["kind"] == "prompt"]
        assert len(prompts) == 1 and aside.name in prompts[0]["text"]


@pytest.mark.parametrize("with_hello", [True, False], ids=["hello", "alone"])
class TestFatal:
    """Every code but bad_configuration (above) and disk_full (tests/faults), in both ways of starting."""

    def test_bad_preferences(self, tmp_path: Path, with_hello: bool) -> None:
        (tmp_path / "preferences.json").write_text('{"worker_max_count": 1000}')
        found = refused(tmp_path, with_hello=with_hello)
        assert found["code"] == "bad_preferences"
        assert "worker_max_count" in found["message"] and "0 to 256" in found["message"]
        assert (tmp_path / "preferences.json").read_text() == '{"worker_max_count": 1000}'

    def test_bad_preferences_of_a_folder(self, tmp_path: Path, with_hello: bool) -> None:
        (tmp_path / "preferences.json").write_text('{"worker_log_dir": "/proc/no/such/folder"}')
        found = refused(tmp_path, with_hello=with_hello)
        assert found["code"] == "bad_preferences" and "worker_log_dir" in found["message"]

    @pytest.mark.parametrize("place", ["/proc/self/data", "/dev/null", "/dev/null/data", "/tmp", "/"])
    def test_data_dir_unwritable(self, with_hello: bool, place: str) -> None:
        found = refused(Path(place), with_hello=with_hello)
        assert found["code"] == "data_dir_unwritable" and place in found["message"]
        assert "--data-dir" in found["remedy"]

    def test_data_dir_locked(self, tmp_path: Path, with_hello: bool) -> None:
        with RunningSidecar(tmp_path / "data") as first:
            first.event("ready")
            found = refused(tmp_path / "data", with_hello=with_hello)
            assert found["code"] == "data_dir_locked"
            assert str(first.ready["pid"]) in found["message"] and first.ready["url"] in found["message"]

    @pytest.mark.parametrize("what", ["text", "foreign", "page"])
    def test_database_corrupt(self, tmp_path: Path, with_hello: bool, what: str) -> None:
        path = tmp_path / "steelyard.db"
        if what == "text":
            path.write_bytes(b"this is no database. " * 1000)
        elif what == "foreign":
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE bookmarks(url)")
            connection.close()
        else:
            with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
                body = {"simulation": "command", "parameters": {"argv": ["true"]}}
                client.post("/api/tasks/batch/", json={"tasks": [body] * 300}).raise_for_status()
                assert sidecar.terminate() == 0
            with path.open("r+b") as file:
                file.seek(8192)
                file.write(os.urandom(16384))
        before = path.read_bytes()
        found = refused(tmp_path, with_hello=with_hello)
        assert found["code"] == "database_corrupt" and "steelyard.db" in found["message"]
        assert path.read_bytes() == before

    def test_migration_failed(self, tmp_path: Path, with_hello: bool) -> None:
        with RunningSidecar(tmp_path) as sidecar:
            assert sidecar.ready and sidecar.terminate() == 0
        with sqlite3.connect(tmp_path / "steelyard.db") as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        found = refused(tmp_path, with_hello=with_hello)
        assert found["code"] == "migration_failed" and "99" in found["message"]

    def test_port_unavailable(self, tmp_path: Path, with_hello: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            found = refused(tmp_path / "data", "--port", str(port), with_hello=with_hello)
        assert found["code"] == "port_unavailable" and str(port) in found["message"]


def test_a_toml_with_a_typo_names_file_and_line_and_the_others_still_work(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "simulations"
    folder.mkdir(parents=True)
    good = '[simulation]\nname = "good"\ntitle = "Good"\ncommand = ["true"]\n'
    (folder / "good.toml").write_text(good)
    (folder / "typo.toml").write_text('[simulation]\nname = "typo"\ntitle = "Typo"\ncomand = ["true"]\n')
    (folder / "broken.toml").write_text("[simulation\nname = 3\n")
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        found = client.get("/api/simulations/").json()
        names = [one["name"] for one in found["simulations"]]
        assert {"good", "command", "steel-pathway"} <= set(names) and names == sorted(names)
        for one in found["simulations"]:
            assert (one["learned"], one["usual_duration"]) == (None, None)
        errors = {Path(error["file"]).name: error for error in found["errors"]}
        assert set(errors) == {"typo.toml", "broken.toml"}
        assert errors["typo.toml"]["line"] == 4 and "command" in errors["typo.toml"]["message"]
        assert errors["broken.toml"]["line"] == 1
        assert client.get("/api/simulations/good/").json()["title"] == "Good"
        assert api.code(client.get("/api/simulations/typo/")) == (404, "not_found")
        body = {"simulation": "typo", "parameters": {}}
        assert api.code(client.post("/api/tasks/", json=body))[1] in ("not_found", "invalid_parameters")
        task_id = client.post("/api/tasks/", json={"simulation": "good"}).json()["task_id"]
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        # A file is read again when it has changed, and one that goes takes only its own tasks along.
        (folder / "typo.toml").write_text(good.replace("good", "typo"))
        eventually(
            lambda: "typo" in [s["name"] for s in client.get("/api/simulations/").json()["simulations"]]
        )
        shutil.rmtree(folder)
        lost = api.submit(client, ["true"])
        assert api.ends(client, lost)["state"] == "SUCCEEDED"


def test_the_first_page_asks_once_and_only_when_there_is_no_room(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "room") as sidecar, sidecar.client() as client:
        question = client.get("/api/startup/").json()
        assert {"workers", "prompt", "need", "headroom", "closable"} <= set(question)
        assert (question["workers"], question["prompt"], question["closable"]) == (0, None, None)
        assert question["need"] == 64 * 2**20 <= question["headroom"]
        for wrong in ({}, {"choice": "maybe"}, {"choice": None}, {"choice": "start", "x": 1}):
            assert api.code(client.post("/api/startup/", json=wrong)) == (400, "invalid_request")
        assert client.post("/api/startup/", json={"choice": "start"}).json()["status"] == "success"
        api.all_run(client, 1)
        assert api.code(client.post("/api/startup/", json={"choice": "start"})) == (409, "conflict")
    with (
        RunningSidecar(tmp_path / "none", WORKER_PEAK_MEMORY="60TiB") as sidecar,
        sidecar.client() as client,
    ):
        question = client.get("/api/startup/").json()
        assert question["prompt"] == "insufficient_memory" and question["need"] == 60 * 2**40
        refusal = client.post("/api/startup/", json={"choice": "start"})
        assert api.code(refusal) == (409, "insufficient_memory")
        # That was no answer yet: the person may still choose.
        assert client.get("/api/startup/").json()["prompt"] == "insufficient_memory"
        assert client.post("/api/startup/", json={"choice": "start_anyway"}).status_code == 200
        assert api.all_run(client, 1)[0]["forced"] is True
        assert client.get("/api/startup/").json()["prompt"] is None
    with (
        RunningSidecar(tmp_path / "without", WORKER_PEAK_MEMORY="60TiB") as sidecar,
        sidecar.client() as client,
    ):
        assert client.post("/api/startup/", json={"choice": "without_workers"}).status_code == 200
        assert client.get("/api/startup/").json()["prompt"] is None
        assert api.workers(client) == []


def test_two_windows_answer_at_once_and_one_worker_starts(tmp_path: Path) -> None:
    async def both(record: dict[str, str]) -> list[httpx.Response]:
        async with async_client_of(record) as client:
            answers = (client.post("/api/startup/", json={"choice": "start"}) for _ in range(5))
            return await asyncio.gather(*answers)

    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        answers = asyncio.run(both(sidecar.record))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        assert len(api.all_run(client, 1)) == 1


def test_simulations_lie_where_the_preference_says_from_the_next_start_on(tmp_path: Path) -> None:
    folder = tmp_path / "größe b"
    folder.mkdir()
    (folder / "mine.toml").write_text('[simulation]\nname = "mine"\ntitle = "Mine"\ncommand = ["true"]\n')

    def known() -> tuple[set[str], str]:
        with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
            found = client.get("/api/simulations/").json()["simulations"]
            where = str(client.get("/api/system/").json()["simulations_dir"])
            client.patch("/api/preferences/", json={"simulations_dir": str(folder)})
            return {one["name"] for one in found}, where

    names, where = known()
    assert "mine" not in names and where == str(tmp_path / "data" / "simulations")
    names, where = known()
    assert "mine" in names and where == str(folder)
    folder.rename(tmp_path / "away")  # a share that is not mounted keeps nothing from starting
    names, where = known()
    assert "mine" not in names and "steel-pathway" in names and where == str(folder)
