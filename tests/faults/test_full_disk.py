"""A disk that is full, read-only or fails: at the start, at a submit, as a task ends, at the stop."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.waiting import eventually

TASK = {"simulation": "command", "parameters": {"argv": ["true"]}}


def mount(*arguments: str) -> bool:
    return (
        sys.platform == "linux" and subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)):
        pytest.skip("a small disk can only be mounted by root on Linux")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    for size in (1 << 20, 4096, 1):
        with open(disk / "filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * size):
                pass
    assert os.statvfs(disk).f_bavail == 0


def empty(disk: Path) -> None:
    (disk / "filler").unlink()


def fatal(data: Path, *arguments: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "steelyard", "serve", "--data-dir", str(data), *arguments],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
    )
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    event: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    assert event["event"] == "fatal" and event["remedy"]
    return event


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_start_on_a_full_disk_is_refused_and_the_next_one_is_not(disk: Path, end: str) -> None:
    """After an orderly end no write-ahead log is there, and it is its index that finds no room first."""
    fill(disk)
    assert fatal(disk / "data")["code"] == "disk_full"
    empty(disk)
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit(client, ["sleep", "600"])
        api.reaches(client, task_id, "RUNNING")
        if end == "killed":
            sidecar.kill()
        else:
            assert sidecar.terminate() == 0
    fill(disk)
    assert fatal(disk / "data")["code"] == "disk_full"
    empty(disk)
    with RunningSidecar(disk / "data") as sidecar, sidecar.client() as client:
        assert api.task(client, task_id)["state"] == "READY"


def test_a_start_with_room_for_the_database_alone_is_refused_in_words(disk: Path) -> None:
    """Recovery, helper and record must be written too: what does not fit is disk_full, never a traceback."""
    with RunningSidecar(disk / "data") as sidecar:
        sidecar.event("ready")
        sidecar.kill()
    (disk / "data" / "runtime" / "helper" / "steelyard_task.py").unlink()
    for kilobytes in (36, 48, 64, 96):
        fill(disk)
        os.truncate(disk / "filler", os.path.getsize(disk / "filler") - kilobytes * 1024)
        process = subprocess.Popen(
            [sys.executable, "-m", "steelyard", "serve", "--data-dir", str(disk / "data")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        with process:
            assert process.stdout is not None and process.stderr is not None
            last: dict[str, str] = {}
            while last.get("event") not in ("fatal", "ready"):
                line = process.stdout.readline()
                assert line, process.stderr.read().decode()
                last = json.loads(line)
            if last["event"] == "fatal":
                assert (last["code"], process.wait(PATIENCE)) == ("disk_full", 2)
            process.kill()
        empty(disk)


def test_a_submit_on_a_full_disk_changes_nothing_and_works_again_when_there_is_room(disk: Path) -> None:
    with RunningSidecar(disk / "data") as sidecar, sidecar.client() as client:
        kept = api.submit(client, ["true"])
        seq = client.get("/api/workers/status/").json()["seq"]
        fill(disk)
        # What is left of the write-ahead log's last page may still take a small change or two.
        refused = client.post("/api/tasks/batch/", json={"tasks": [{**TASK, "label": "x" * 5000}] * 200})
        assert api.code(refused) == (507, "storage_full")
        assert "full" in refused.json()["error"]["message"]
        for path, body in (("/api/workers/add/", {}), (f"/api/tasks/{kept}/cancel/", {})):
            answer = client.post(path, json=body)
            assert answer.status_code < 500 or api.code(answer) == (507, "storage_full")
        now = client.get("/api/workers/status/").json()
        assert now["queue"]["pending"] + now["queue"]["cancelled"] == 1
        assert now["seq"] - seq <= 3
        assert api.code(client.patch("/api/preferences/", json={"worker_max_count": 3})) == (
            507,
            "storage_full",
        )
        assert client.get("/api/preferences/").json()["values"]["worker_max_count"] == 4
        empty(disk)
        assert client.post("/api/tasks/batch/", json={"tasks": [TASK] * 200}).status_code == 201
        assert sidecar.terminate() == 0
    assert b"Traceback" not in sidecar.stderr


def test_a_task_that_ends_while_the_disk_is_full_is_recorded_later(disk: Path, tmp_path: Path) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    program = ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done; touch {done}"]
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit(client, program)
        api.reaches(client, task_id, "RUNNING")
        eventually(lambda: api.task(client, task_id)["attempts"][0]["pid"], within=PATIENCE)
        fill(disk)
        # Use up what the last page of the write-ahead log still holds.
        while (
            client.post("/api/tasks/batch/", json={"tasks": [{**TASK, "queue": "none"}]}).status_code == 201
        ):
            pass
        go.touch()
        eventually(done.exists, within=PATIENCE)
        log = disk / "data" / "logs" / "sidecar.log"
        ended = time.monotonic()
        # Several tries later it is still so, and everything else goes on.
        eventually(
            lambda: client.post("/workers/tick/").text and time.monotonic() - ended > 3, within=PATIENCE
        )
        assert api.task(client, task_id)["state"] == "RUNNING"
        assert client.get("/healthz").status_code == 200
        empty(disk)
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        assert api.ends(client, api.submit(client, ["true"]))["state"] == "SUCCEEDED"
        assert log.read_text().count("not recorded yet") <= 1
        assert log.read_text().count("was not committed") < 8


def test_output_on_a_full_disk_makes_no_files_and_costs_the_run_nothing(disk: Path, tmp_path: Path) -> None:
    go, said = tmp_path / "go", tmp_path / "said"
    program = (
        "import os, time\nprint('before', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        f"for n in range(3000): print(n, 'x' * 100, flush=True); time.sleep(0.0005)\n"
        f"open({str(said)!r}, 'w').close()\nwhile os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "print('after', flush=True)\n"
    )
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit(client, [sys.executable, "-c", program])
        folder = disk / "data" / "tasks" / task_id / "attempt-1"
        head = folder / "output.log"
        eventually(lambda: head.exists() and head.read_text() == "before\n", within=PATIENCE)
        fill(disk)
        go.touch()
        eventually(said.exists, within=PATIENCE)
        made = [path.name for path in folder.glob("output*")]
        empty(disk)
        go.unlink()
        assert api.ends(client, task_id)["state"] == "SUCCEEDED"
        assert len(made) <= 4, made
        assert api.log(client, task_id).endswith("after\n")


def test_a_stop_on_a_full_disk_ends_all_the_same(disk: Path) -> None:
    with RunningSidecar(disk / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        task_id = api.submit(client, ["sleep", "600"])
        api.reaches(client, task_id, "RUNNING")
        fill(disk)
        while (
            client.post("/api/tasks/batch/", json={"tasks": [{**TASK, "queue": "none"}]}).status_code == 201
        ):
            pass
        everything = sidecar.pids()
        sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 5})
        assert sidecar.process.wait(PATIENCE) == 0
        assert b"Traceback" not in sidecar.stderr
        assert not [process for process in everything if process.is_running()]
    empty(disk)
    with RunningSidecar(disk / "data") as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")


def test_a_database_that_becomes_read_only_is_said_and_not_a_crash(disk: Path) -> None:
    with RunningSidecar(disk / "data") as sidecar, sidecar.client() as client:
        api.submit(client, ["true"])
        sidecar.kill()
    assert mount("-o", "remount,ro", str(disk))
    assert fatal(disk / "data")["code"] == "data_dir_unwritable"
    assert mount("-o", "remount,rw", str(disk))
    with RunningSidecar(disk / "data") as sidecar, sidecar.client() as client:
        assert client.get("/api/workers/status/").json()["queue"]["pending"] == 1


EXT4_SHUTDOWN = 0x8004587D
"""The ioctl that makes ext4 refuse everything from now on with EIO, as when a disk is pulled out."""
NOT_EVEN_ITS_JOURNAL = struct.pack("I", 2)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A disk with a file system that can fail."""
    place, image = tmp_path / "ext4", tmp_path / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(48 << 20)
    maker = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    made = maker and subprocess.run([maker, "-q", str(image)], capture_output=True).returncode == 0
    if not made or not mount("-o", "loop", str(image), str(place)):
        pytest.skip("a small disk can only be mounted by root on Linux")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fails_is_not_called_a_damaged_database(ext4: Path, tmp_path: Path) -> None:
    with RunningSidecar(ext4 / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        task_id = api.submit(client, ["sleep", "600"])
        api.reaches(client, task_id, "RUNNING")
        everything = sidecar.pids()
        import fcntl  # Windows has none

        disk = os.open(ext4, os.O_RDONLY)
        fcntl.ioctl(disk, EXT4_SHUTDOWN, NOT_EVEN_ITS_JOURNAL)
        os.close(disk)

        def refusal() -> dict[str, str]:
            answer = client.post("/api/tasks/", json=TASK)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (507, "storage_full")
            found: dict[str, str] = error["detail"]
            return found

        assert refusal()["reason"] == "disk"
        # What reads find on a disk that is gone looks like damage, to SQLite.
        eventually(
            lambda: refusal()["sqlite"] in ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ"),
            within=PATIENCE,
        )
        assert refusal()["reason"] == "disk"
        read = client.get("/api/tasks/", params={"q": "nowhere"})
        assert (read.status_code, read.json()["error"]["detail"]["reason"]) == (507, "disk")
        sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 3})
        assert sidecar.process.wait(PATIENCE) == 0
        assert b"Traceback" not in sidecar.stderr
        assert not [process for process in everything if process.is_running()]
    subprocess.run(["umount", "-l", str(ext4)], check=True)
    assert mount("-o", "loop", str(tmp_path / "image"), str(ext4))
    with RunningSidecar(ext4 / "data") as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")
