"""A disk that is full where other things than the database are written: output, checkpoints, logs."""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults import test_full_disk
from tests.faults.test_full_disk import empty, fill
from tests.faults.test_storage import log_of, notices, panel, storage
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

disk = test_full_disk.disk

WAITING = """
import os, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
def wait_for(name):
    (place / f"{name}-please").touch()
    while not (place / name).exists():
        time.sleep(0.02)
"""


def leave(disk: Path, kilobytes: int) -> None:
    """Fill it but for so much."""
    fill(disk)
    os.truncate(disk / "filler", os.path.getsize(disk / "filler") - kilobytes * 1024)


def test_output_that_finds_no_room_is_a_gap_and_the_run_goes_on(disk: Path, tmp_path: Path) -> None:
    program = WAITING + (
        "print('before', flush=True)\n"
        "wait_for('filled')\n"
        # More than whatever gives way meanwhile, as a backup does that finds no room.
        "for _ in range(900): print('x' * 1000)\n"
        "sys.stdout.flush(); wait_for('emptied')\n"
        "print('after', flush=True)\n"
    )
    with (
        RunningSidecar(disk / "data", "--workers", "1", WORKER_LOG_DIR=str(tmp_path / "logs")) as sidecar,
        sidecar.client() as client,
    ):
        task_id = api.submit_python(client, program, str(tmp_path))
        eventually((tmp_path / "filled-please").exists, within=PATIENCE)
        eventually(lambda: api.log(client, task_id) == "before\n", within=PATIENCE)
        fill(disk)
        (tmp_path / "filled").touch()
        eventually((tmp_path / "emptied-please").exists, within=PATIENCE)
        empty(disk)
        (tmp_path / "emptied").touch()
        done = api.ends(client, task_id)
        assert (done["state"], len(done["attempts"])) == ("SUCCEEDED", 1)
        # What was lost is a gap: the last line stands where it stood in the whole output.
        assert api.log(client, task_id).endswith("after\n")
        log = client.get(f"/api/tasks/{task_id}/log/", params={"offset": 900_000}).json()
        assert log["text"].endswith("after\n")
        [worker] = api.workers(client)
        journal = client.get(f"/api/workers/{worker['worker_id']}/log/", params={"tail": 10_000}).text
        assert "output of the task is lost: No space left on device" in journal
        assert "Traceback" not in log_of(sidecar)


def test_a_checkpoint_that_finds_no_room_fails_the_attempt_and_the_next_goes_on_from_the_one_before(
    disk: Path, tmp_path: Path
) -> None:
    program = WAITING + (
        "folder = pathlib.Path(os.environ['STEELYARD_CHECKPOINT_DIR'])\n"
        "def save(number, size):\n"
        "    part = folder / 'part'; part.write_bytes(bytes(size)); part.rename(folder / str(number))\n"
        "    print('::steelyard checkpoint', flush=True)\n"
        "begun = max([int(one.name) for one in folder.iterdir() if one.name != 'part'], default=0)\n"
        "print('goes on from', begun, flush=True)\n"
        "if begun == 0: save(1, 10); wait_for('filled')\n"
        "save(begun + 1, 4_000_000)\n"
        "print('reached the end', flush=True)\n"
    )
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, program, str(tmp_path))
        eventually((tmp_path / "filled-please").exists, within=PATIENCE)
        leave(disk, 500)
        (tmp_path / "filled").touch()
        checkpoint = disk / "data" / "tasks" / task_id / "checkpoint"
        eventually((checkpoint / "part").exists, within=PATIENCE)
        # It ended in an error, and no second attempt is spent while there is no room.
        eventually(lambda: storage(client)["state"] == "full" or None, within=PATIENCE)
        assert len(api.task(client, task_id)["attempts"]) == 1
        empty(disk)
        done = api.ends(client, task_id)
        assert [one["cause"] for one in done["attempts"]] == ["error", "succeeded"], done
        assert "No space left on device" in done["attempts"][0]["error_tail"]
        log = api.log(client, task_id)
        assert log.startswith("goes on from 1\n") and log.endswith("reached the end\n")
        assert "Traceback" not in log_of(sidecar)


def test_without_room_for_its_folder_a_task_waits_and_spends_no_attempt(disk: Path) -> None:
    with RunningSidecar(disk / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        api.all_run(client, 1)
        leave(disk, 500)
        task_id = api.submit(client, ["true"])
        eventually(lambda: storage(client)["state"] == "full", within=PATIENCE)
        waits = api.task(client, task_id)
        assert (waits["state"], waits["attempt"]) == ("READY", 0)
        assert waits["waiting_for"] == "The disk that holds Steelyard's database is full"
        assert "Free some space" in panel(client)
        empty(disk)
        done = api.ends(client, task_id)
        assert (done["state"], done["attempt"]) == ("SUCCEEDED", 1)
        assert storage(client)["state"] == "ok"
        eventually(lambda: [one for one in notices(client) if one["subject"] == "storage"], within=PATIENCE)
        log = log_of(sidecar)
        assert log.count("takes no changes") == 1 == log.count("takes changes again")


def test_logs_that_find_no_room_lose_lines_and_nothing_else(disk: Path, tmp_path: Path) -> None:
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", WORKER_LOG_DIR=str(disk / "logs")) as sidecar,
        sidecar.client() as client,
    ):
        [worker] = api.all_run(client, 1)
        fill(disk)
        lost = api.ends(client, api.submit_python(client, "print('out')"))
        assert lost["state"] == "SUCCEEDED" and storage(client)["state"] == "ok"
        # Another worker finds no room for its own log, and works all the same.
        second = client.post("/api/workers/add/").json()["worker_id"]
        api.worker_reaches(client, second, "RUNNING")
        empty(disk)
        kept = api.ends(client, api.submit_python(client, "print('out')"))
        both = [worker["worker_id"], second]
        logs = [client.get(f"/api/workers/{one}/log/", params={"tail": 10_000}).text for one in both]
        assert any(kept["task_id"] in log for log in logs)
        assert "Traceback" not in log_of(sidecar)
