"""The first line of stdin and the lines after it, with the real program."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.waiting import eventually


def hello(data_dir: Path, **changes: Any) -> bytes:
    """A good hello but for the changes, as a line."""
    fields = {
        "v": 1,
        "token": secrets.token_hex(32),
        "instance": str(uuid.uuid4()),
        "nonce": secrets.token_hex(16),
        "parent": {"pid": os.getpid()},
        "data_dir": str(data_dir),
        "workers": 0,
    }
    return json.dumps(fields | changes).encode() + b"\n"


def serve(stdin: bytes, *arguments: str, **env: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, events and stderr of a sidecar that is told this and whose stdin then ends."""
    done = subprocess.run(
        [sys.executable, "-m", "steelyard", "serve", "--hello", *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(**env),
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


@contextlib.contextmanager
def starting(stdin: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A sidecar that was told this and whose stdin stays open; gone at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "steelyard", "serve", "--hello"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "stdin ended before a line came"),
        (b"\n", "no hello"),
        (b"hello?\n", "JSON"),
        (b"\xff\xfe\x00\n", "JSON"),
        (b"[]\n", "object"),
        (b'{"v":1}\n', "token"),
        (b"{" + b"x" * 200_000 + b"\n", "longer than 65536 bytes"),
        (b"x" * 200_000, "longer than 65536 bytes"),
    ],
    ids=["nothing", "empty", "garbage", "no text", "list", "half", "huge", "huge without end"],
)
def test_what_is_no_hello_is_refused_in_words(line: bytes, said: str) -> None:
    status, events, stderr = serve(line)
    assert (status, len(events), stderr) == (2, 1, "")
    assert (events[0]["event"], events[0]["code"]) == ("fatal", "bad_configuration")
    assert "first line of stdin" in events[0]["message"] and said in events[0]["message"]
    assert events[0]["remedy"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"v": 2}, "version 2"),
        ({"v": "1"}, "int"),
        ({"token": "ab" * 31}, "64 hexadecimal digits"),
        ({"token": "ab" * 33}, "64 hexadecimal digits"),
        ({"token": "zz" * 32}, "64 hexadecimal digits"),
        ({"token": "ab " * 32}, "64 hexadecimal digits"),
        ({"workers": -1}, "0 to 256"),
        ({"workers": 257}, "0 to 256"),
        ({"workers": "many"}, "restore"),
        ({"workers": True}, "workers"),
        ({"parent": None}, "parent"),
        ({"nonce": None}, "nonce"),
    ],
)
def test_a_wrong_field_of_the_hello_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    status, events, _ = serve(hello(tmp_path / "data", **changes))
    assert (status, [event["event"] for event in events]) == (2, ["fatal"])
    assert said in events[0]["message"]
    assert not (tmp_path / "data").exists()


def test_the_ready_line_says_all_and_proves_that_it_got_this_hello(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar:
        assert sidecar.proof_is_right
        assert sidecar.hello is not None
        assert set(sidecar.ready) == {"event", "port", "url", "pid", "instance", "version", "proof"}
        assert sidecar.ready["pid"] == sidecar.process.pid
        assert sidecar.ready["instance"] == sidecar.hello["instance"]
        assert sidecar.ready["url"] == f"http://127.0.0.1:{sidecar.ready['port']}/"
        assert [event["event"] for event in sidecar.events[:-1]] == ["phase"] * (len(sidecar.events) - 1)
        assert all({"name", "detail"} < set(event) for event in sidecar.events[:-1])
        record = sidecar.record
        assert {"url", "token", "pid", "create_time", "instance"} <= set(record)
        assert (record["token"], record["pid"]) == (sidecar.hello["token"], sidecar.process.pid)


def test_a_ping_is_answered_and_nonsense_changes_nothing(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        stdin = sidecar.process.stdin
        assert stdin is not None
        stdin.write(b'not json\n\n[]\n{"type":"dance"}\n{"type":"shutdown","mode":"now"}\n')
        stdin.write(b'{"type":"shutdown","deadline_s":-1}\n{"type":"power","event":"explode"}\n')
        stdin.write(b'{"type":"x","y":"' + b"z" * 200_000 + b'"}\n')
        for event in ("suspend", "resume", "on-battery", "on-ac"):
            sidecar.tell({"type": "power", "event": event})
        sidecar.tell({"type": "ping"})
        sidecar.event("pong")
        assert client.get("/healthz").json() == {"status": "ok"}
        log = (tmp_path / "data" / "logs" / "sidecar.log").read_text()
        assert log.count("an order that is not known was left alone") == 8
        assert [f"power: {event}" in log for event in ("suspend", "resume", "on-battery", "on-ac")] == [
            True
        ] * 4


def test_orders_that_come_with_the_hello_are_carried_out(tmp_path: Path) -> None:
    orders = b'{"type":"ping"}\n{"type":"shutdown","mode":"stop"}\n'
    with starting(hello(tmp_path / "data") + orders) as process:
        assert process.stdout is not None
        events = [json.loads(line)["event"] for line in process.stdout]
        assert process.wait(PATIENCE) == 0
    assert {"ready", "pong"} <= set(events)


def test_an_end_of_stdin_right_behind_the_hello_is_an_end_without_a_word_of_complaint(tmp_path: Path) -> None:
    status, events, stderr = serve(hello(tmp_path / "data"))
    assert (status, stderr) == (0, "")
    assert {event["event"] for event in events} <= {"phase", "ready"}


def test_a_parent_that_goes_while_the_sidecar_starts_takes_it_along(tmp_path: Path) -> None:
    """The check of the database is made to last for ever: nothing but the end of stdin can end this."""
    program = tmp_path / "sidecar.py"
    program.write_text(
        "import sys, time\n"
        "from steelyard.store import opening\n"
        "opening.inspect = lambda path, phase: (phase('stuck', ''), time.sleep(600))\n"
        "from steelyard.cli.app import main\n"
        "sys.exit(main())\n"
    )
    with RunningSidecar(tmp_path / "data", hello=True, program=[sys.executable, str(program)]) as sidecar:
        eventually(lambda: any(e.get("name") == "stuck" for e in sidecar.events), within=PATIENCE)
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        assert sidecar.process.wait(2) == 0
    with RunningSidecar(tmp_path / "data", hello=True) as again:
        assert again.proof_is_right


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5, 10**30])
def test_a_parent_that_is_not_there_is_gone(tmp_path: Path, pid: int) -> None:
    with starting(hello(tmp_path / "data", parent={"pid": pid})) as process:
        assert process.wait(PATIENCE) == 0


def test_the_watchdog_notices_the_end_of_a_parent_whose_pipe_stays_open(tmp_path: Path) -> None:
    """Whoever named as parent is killed; stdin stays open, as an inherited write end would keep it."""
    with subprocess.Popen(["sleep", "600"]) as parent:
        line = hello(tmp_path / "data", parent={"pid": parent.pid}, workers=1)
        with starting(line) as process:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["event"] != "ready":
                pass
            [agent] = eventually(lambda: psutil.Process(process.pid).children())
            parent.kill()
            assert process.wait(5) == 0
            assert not psutil.pid_exists(agent.pid)


def test_restore_brings_back_as_many_workers_as_lived(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "3") as sidecar, sidecar.client() as client:
        [first, *_] = api.all_run(client, 3)
        client.post("/api/workers/drain/", json={"worker_id": first["worker_id"]}).raise_for_status()
        api.worker_reaches(client, first["worker_id"], "DEAD")
        sidecar.kill()
    with RunningSidecar(data, "--workers", "restore") as sidecar, sidecar.client() as client:
        eventually(lambda: [w["state"] for w in api.workers(client)].count("RUNNING") == 2, within=PATIENCE)
        states = [worker["state"] for worker in api.workers(client)]
        assert sorted(states) == ["DEAD"] * 3 + ["RUNNING"] * 2
        assert client.get("/api/startup/").json()["prompt"] is None
    # Nobody crashed this time: an orderly end leaves nothing to bring back.
    with RunningSidecar(data, "--workers", "restore") as sidecar, sidecar.client() as client:
        assert [one["reason"] for one in api.workers(client) if one["state"] != "DEAD"] == []


@pytest.mark.parametrize("workers", ["-1", "257", "two", "1.5", "²"])
def test_workers_is_a_number_or_restore(tmp_path: Path, workers: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "steelyard", "serve", "--data-dir", str(tmp_path / "d"), "--workers", workers],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--workers" in done.stderr


def test_tasks_wait_for_the_environment_that_was_promised_and_no_value_of_it_is_logged(
    tmp_path: Path,
) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello={"environment_follows": True}) as sidecar:
        with sidecar.client() as client:
            api.all_run(client, 1)
            task_id = api.submit(client, ["/bin/sh", "-c", 'echo "$WHO $LARGE" | wc -c; env'])
            assert (
                "tasks start when it has answered"
                in client.get("/api/system/").json()["task_environment"]["note"]
            )
            assert api.task(client, task_id)["state"] == "READY"
            variables = {
                "WHO": "hush-hush",
                "LARGE": "x" * 100_000,
                "STEELYARD_TASK_ID": "forged",
                "A=B": "1",
            }
            sidecar.tell(
                {
                    "type": "environment",
                    "variables": variables,
                    "source": "a test",
                    "left_out": ["ELECTRON_X"],
                }
            )
            assert api.ends(client, task_id)["state"] == "SUCCEEDED"
            length, _, seen = api.log(client, task_id, 1_000_000).partition("\n")
            assert int(length) == len("hush-hush ") + 100_000 + 1
            assert f"STEELYARD_TASK_ID={task_id}" in seen
            told = client.get("/api/system/").json()["task_environment"]
            assert (told["source"], told["note"]) == ("a test", None)
            assert told["left_out"] == ["A=B", "ELECTRON_X", "STEELYARD_TASK_ID"]
            assert b"hush-hush" not in client.get("/system/diagnostics.zip").content
        for log in sidecar.data_dir.joinpath("logs").iterdir():
            assert b"hush-hush" not in log.read_bytes(), log
