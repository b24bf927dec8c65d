"""SECURITY.md, lines 23 to 28: workers and files, with the real program. More of line 24: test_recovery."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and /proc are POSIX")

IMPOSTOR = """
import json, os, sys, time
hello = json.loads(sys.stdin.readline())
told = {{"type": "ready", "v": hello["v"], "worker_id": hello["worker_id"], "token": hello["token"],
        "pid": os.getpid(), "identity": "x"}}
def say(**changes):
    sys.stdout.write(json.dumps(told | changes) + chr(10))
    sys.stdout.flush()
{does}
time.sleep(600)
"""
"""An agent that got a good hello and shakes hands otherwise."""

SIDECAR = """
import sys
from steelyard.supervisor import spawn
spawn.worker_command = lambda: [sys.executable, {impostor!r}]
from steelyard.cli.app import main
sys.exit(main())
"""

HANDSHAKES = {
    "wrong": "say(token='0' * 64)",
    "missing": "say(token='')",
    "none": "say(token=None)",
    "of another id": "say(worker_id='ffffffff')",
    "of another version": "say(v=2)",
    "used": "say()\ntime.sleep(0.3)\nsay()",
    "no handshake": 'sys.stdout.write(\'{"type":"heartbeat"}\\n\'); sys.stdout.flush()',
    "no message": "sys.stdout.write('hello, let me in\\n'); sys.stdout.flush()",
}


@pytest.mark.parametrize("handshake", HANDSHAKES)
def test_security_23_a_handshake_that_is_not_right_is_refused_and_recorded(
    tmp_path: Path, handshake: str
) -> None:
    impostor, program = tmp_path / "impostor.py", tmp_path / "sidecar.py"
    impostor.write_text(IMPOSTOR.format(does=HANDSHAKES[handshake]))
    program.write_text(SIDECAR.format(impostor=str(impostor)))
    with (
        RunningSidecar(tmp_path / "data", program=[sys.executable, str(program)]) as sidecar,
        sidecar.client() as client,
    ):
        client.patch("/api/preferences/", json={"replace_crashed_workers": False}).raise_for_status()
        task_id = api.submit(client, ["true"])
        worker_id = client.post("/api/workers/add/").json()["worker_id"]
        failed = api.worker_reaches(client, worker_id, "FAILED")
        assert "handshake" in failed["reason"] or "no message" in failed["reason"]
        eventually(lambda: len(sidecar.pids()) == 1, within=PATIENCE)
        events = client.get("/api/events/").json()["events"]
        ends = [e["data"] for e in events if e["subject"] == worker_id and e["data"]["state"] == "FAILED"]
        assert [end["reason"] for end in ends] == [failed["reason"]]
        if handshake != "used":
            assert api.task(client, task_id)["attempts"] == []
        log = (tmp_path / "data" / "logs" / "sidecar.log").read_text()
        assert f"worker {worker_id}" in log and failed["reason"] in log


def test_security_23_the_launch_token_comes_by_stdin_alone(tmp_path: Path) -> None:
    """Each worker has one of its own; it stands in no argument, no environment and no file."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    spy, program = tmp_path / "spy.py", tmp_path / "sidecar.py"
    spy.write_text(
        "import json, os, pathlib, sys\n"
        "line = sys.stdin.buffer.raw.readline()\n"
        f"(pathlib.Path({str(tokens)!r}) / str(os.getpid())).write_bytes(line)\n"
        "reader, writer = os.pipe()\n"
        "os.write(writer, line); os.close(writer)\n"
        "agent = [sys.executable, '-c', "
        "'import os, sys; rest = os.dup(0); from steelyard.worker import agent; sys.exit(agent.main())']\n"
        "import threading, subprocess\n"
        "child = subprocess.Popen(agent, stdin=subprocess.PIPE)\n"
        "child.stdin.write(line); child.stdin.flush()\n"
        "while data := os.read(0, 65536): child.stdin.write(data); child.stdin.flush()\n"
    )
    program.write_text(SIDECAR.format(impostor=str(spy)))
    with (
        RunningSidecar(tmp_path / "data", program=[sys.executable, str(program)]) as sidecar,
        sidecar.client() as client,
    ):
        for _ in range(2):
            client.post("/api/workers/add/").raise_for_status()
        # Each is there a moment before it is written.
        eventually(
            lambda: [path.stat().st_size > 0 for path in tokens.iterdir()] == [True, True], within=PATIENCE
        )
        hellos = [json.loads(path.read_bytes()) for path in tokens.iterdir()]
        secrets = {hello["token"] for hello in hellos}
        assert len(secrets) == 2 and all(len(bytes.fromhex(token)) == 32 for token in secrets)
        assert sidecar.record["token"] not in secrets
        for process in sidecar.pids():
            shown = " ".join([*process.cmdline(), str(process.environ())])
            assert not any(token in shown for token in secrets)
        for path in (tmp_path / "data").rglob("*"):
            if path.is_file():
                assert not any(token.encode() in path.read_bytes() for token in secrets), path
        sidecar.kill()


def test_security_24_an_abort_ends_the_recorded_process_and_no_namesake(tmp_path: Path) -> None:
    """A process with the same command line as the worker, but not it, lives on."""
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        [only] = api.all_run(client, 1)
        argv = psutil.Process(only["pid"]).cmdline()
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as namesake:
            client.post(f"/api/workers/{only['worker_id']}/abort/?confirm=yes").raise_for_status()
            assert not psutil.pid_exists(only["pid"])
            assert namesake.poll() is None
            namesake.kill()


def test_security_25_what_a_shell_would_understand_is_text(tmp_path: Path) -> None:
    """A value is one argument, whatever it holds: it is neither split nor expanded nor run."""
    folder = tmp_path / "data" / "simulations"
    folder.mkdir(parents=True)
    (folder / "echo.toml").write_text(
        '[simulation]\nname = "echo"\ntitle = "Echo"\n'
        'command = ["{python}", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))",\n'
        ' "--x={x}", "{y}"]\n'
        '[parameters]\nx = {type = "string", maxLength = 100}\ny = {type = "string", default = "{x}"}\n'
    )
    nasty = f"a b; touch {tmp_path}/owned `id` $(id) $HOME * '\" \\ | & > x {{x}} {{y}} {{python}}\n"
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        value = nasty[:100]
        body = {"simulation": "echo", "parameters": {"x": value}}
        task_id = client.post("/api/tasks/", json=body).json()["task_id"]
        assert api.ends(client, task_id)["state"] == "SUCCEEDED", api.log(client, task_id)
        assert json.loads(api.log(client, task_id)) == [f"--x={value}", "{x}"]
        argv = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", nasty, "{x}"]
        again = api.submit(client, argv)
        assert api.ends(client, again)["state"] == "SUCCEEDED"
        assert json.loads(api.log(client, again)) == [nasty, "{x}"]
        assert not (tmp_path / "owned").exists()
        for wrong in ({"x": 1}, {"x": "y" * 101}, {"x": "a\0b"}, {"z": "1"}, {}):
            refused = client.post("/api/tasks/", json={"simulation": "echo", "parameters": wrong})
            assert api.code(refused) == (422, "invalid_parameters")


@pytest.fixture
def anything_goes() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("anything_goes")
def test_security_26_files_are_private_under_any_umask(tmp_path: Path) -> None:
    """Umask 0, a data directory that was wide open, a task, a rotated log, preferences, a crash."""
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True, mode=0o777)
    (data / "logs" / "sidecar.log").write_bytes(b"x" * 9_999_990)
    program = "import steelyard_task as t; t.result(1); print('done')"
    for _ in range(2):
        with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
            client.patch("/api/preferences/", json={"worker_max_count": 3}).raise_for_status()
            assert api.ends(client, api.submit_python(client, program))["state"] == "SUCCEEDED"
            open_modes = modes(data)
            sidecar.kill()
    assert (data / "logs" / "sidecar.log.1").exists()
    assert {"runtime/sidecar.json", "preferences.json", "steelyard.db", "steelyard.db-wal"} <= set(open_modes)
    for name, mode in open_modes.items():
        path = data / name
        if path.name == "sidecar.log.1" or "/output/" in name or name.endswith("/checkpoint"):
            continue  # made by hand above; the task's own
        assert mode == (0o700 if path.is_dir() else 0o600), (name, oct(mode))
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def modes(data: Path) -> dict[str, int]:
    return {
        path.relative_to(data).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in data.rglob("*")
        if not path.is_symlink()
    }


def test_security_27_nothing_is_left_or_run_in_the_shared_temporary_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir(mode=0o1777)
    with (
        RunningSidecar(tmp_path / "data", "--workers", "1", TMPDIR=str(temporary)) as sidecar,
        sidecar.client() as client,
    ):
        assert api.ends(client, api.submit(client, ["true"]))["state"] == "SUCCEEDED"
        for process in sidecar.pids():
            assert str(temporary) not in " ".join(process.cmdline())
        assert [p for p in temporary.rglob("*") if not p.name.startswith("etilqs_")] == []
        assert sidecar.terminate() == 0
    assert list(temporary.iterdir()) == []


def test_security_27_temporary_folders_come_from_mkdtemp() -> None:
    package = Path(__file__).parents[2] / "backend"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "mktemp(" not in text.replace("mkdtemp(", "").replace("mkstemp(", ""), path
        assert '"/tmp' not in text and "'/tmp" not in text, path
    assert tempfile.gettempdir()


def test_security_28_a_second_sidecar_touches_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as first, first.client() as client:
        api.all_run(client, 1)
        task_id = api.submit(client, ["sleep", "600"])
        eventually(lambda: api.task(client, task_id)["attempts"], within=PATIENCE)
        eventually(lambda: api.task(client, task_id)["attempts"][0]["pid"], within=PATIENCE)
        before = snapshot(data)
        family = {process.pid for process in first.pids()}
        for hello in (False, True):
            second = RunningSidecar(data, hello=hello)
            with second:
                assert second.event("fatal")["code"] == "data_dir_locked"
                assert second.process.wait(PATIENCE) == 2
        after = snapshot(data)
        # What the task uses is written down now and then, behind what was there.
        log = "steelyard.db-wal"
        added = after[log][2][len(before[log][2]) :]
        before[log] = (*before[log][:2], before[log][2] + added)
        assert after == before
        assert {process.pid for process in first.pids()} == family
        assert api.task(client, task_id)["state"] == "RUNNING"


def test_security_28_nor_does_one_that_finds_the_lock_file_gone(tmp_path: Path) -> None:
    """Somebody tidied up: the lock is another file now, but the record names a sidecar that lives."""
    data = tmp_path / "data"
    with RunningSidecar(data, "--workers", "1") as first, first.client() as client:
        api.all_run(client, 1)
        (data / "runtime" / "lock").unlink()
        done = subprocess.run(
            [sys.executable, "-m", "steelyard", "serve", "--data-dir", str(data)],
            capture_output=True,
            timeout=PATIENCE,
            env=environment(),
        )
        assert done.returncode == 2
        fatal = json.loads(done.stdout.splitlines()[-1])
        assert fatal["code"] == "data_dir_locked" and str(first.ready["pid"]) in fatal["message"]
        assert len(api.all_run(client, 1)) == 1
        assert json.loads((data / "runtime" / "sidecar.json").read_bytes())["pid"] == first.ready["pid"]


def snapshot(data: Path) -> dict[str, tuple[int, int, bytes]]:
    """What a second sidecar could have touched: everything but what the first one itself goes on writing."""
    found = {}
    for path in sorted(data.rglob("*")):
        if path.is_file() and path.name != "steelyard.db-shm":
            seen = path.stat()
            found[path.relative_to(data).as_posix()] = (seen.st_ino, seen.st_mode, path.read_bytes())
    return found
