"""The frozen sidecar: hello and proof, its pages, its commands, its signals, and how soon it is ready."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

import steelyard_task
from tests.frozen.conftest import Run
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar, environment
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with spaces and letters beyond ASCII."""
    return tmp_path / "Läufe von Zoë" / "день 1"


@pytest.fixture
def sidecar(program: Path, data: Path) -> Iterator[RunningSidecar]:
    with RunningSidecar(data, program=[str(program)]) as running:
        yield running


def test_it_starts_again_and_again_on_the_same_data(program: Path, tmp_path: Path) -> None:
    """How soon it is ready is printed by scripts/bench/frozen.py."""
    for _ in range(3):
        with RunningSidecar(tmp_path / "data", program=[str(program)]) as running:
            assert running.ready
            assert running.terminate() == 0


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_hello_is_answered_with_proof_and_utf_8_whatever_the_locale(
    program: Path, data: Path, locale: str
) -> None:
    with RunningSidecar(
        data, hello=True, program=[str(program)], LC_ALL=locale, LANG=locale, PYTHONIOENCODING="latin-1"
    ) as running:
        assert running.proof_is_right
        assert running.event("phase")["detail"] == str(data)
        running.tell({"type": "ping"})
        assert running.event("pong") == {"event": "pong"}
        running.tell({"type": "shutdown", "mode": "stop", "deadline_s": 5})
        assert running.process.wait(20) == 0
        assert running.stderr == b""


def test_a_hello_whose_pipe_ends_ends_the_sidecar(program: Path, data: Path) -> None:
    with RunningSidecar(data, hello=True, program=[str(program)]) as running:
        assert running.ready
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(10) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_softly(sidecar: RunningSidecar, number: signal.Signals) -> None:
    assert sidecar.ready
    sidecar.process.send_signal(number)
    assert sidecar.process.wait(20) == 0
    assert b"Traceback" not in sidecar.stderr
    assert not (sidecar.data_dir / "runtime" / "sidecar.json").exists()


def test_a_start_that_fails_says_so_on_both_pipes(sidecar: RunningSidecar, steelyard: Run) -> None:
    assert sidecar.ready
    second = steelyard("serve", "--data-dir", str(sidecar.data_dir), LC_ALL="C")
    assert second.returncode == 2
    fatal = json.loads(second.stdout.splitlines()[-1])
    assert fatal["code"] == "data_dir_locked" and str(sidecar.data_dir) in fatal["message"]
    assert fatal["message"] in second.stderr


def test_pages_versions_and_simulations_are_found(sidecar: RunningSidecar) -> None:
    assert sidecar.ready
    link = eventually(lambda: re.search(rb"http://\S+/sign-in/\S+", bytes(sidecar.stderr)))[0].decode()
    with httpx.Client(base_url=sidecar.ready["url"], trust_env=False, follow_redirects=True) as browser:
        assert browser.get(link).status_code == 200
        page = browser.get("/").text
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert any("/vendor/" in name for name in files) and any("steelyard.css" in name for name in files)
        assert {browser.get(name).status_code for name in files} == {200}
    with sidecar.client() as client:
        versions = client.get("/api/system/").json()["libraries"]
        assert all(versions.values()) and {"starlette", "uvicorn", "websockets", "peewee", "psutil"} <= set(
            versions
        )
        names = {one["name"] for one in client.get("/api/simulations/").json()["simulations"]}
        assert {"command", "steel-pathway"} <= names
        assert client.get("/openapi.json").status_code == 200
        assert client.get("/metrics").status_code == 200
    helper = sidecar.data_dir / "runtime" / "helper" / "steelyard_task.py"
    assert helper.read_bytes() == Path(steelyard_task.__file__).read_bytes()


def test_the_command_line_finds_it(sidecar: RunningSidecar, steelyard: Run) -> None:
    assert sidecar.ready
    where = ["--data-dir", str(sidecar.data_dir)]
    assert steelyard("workers", "add", *where).returncode == 0
    done = steelyard("run", *where, "--", "/bin/echo", "grüße → 好", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert "grüße → 好" in done.stdout
    listed = json.loads(steelyard("tasks", "--json", *where).stdout)
    assert [task["state"] for task in listed["tasks"]] == ["SUCCEEDED"]
    assert steelyard("doctor", *where).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_browser_gets_the_users_environment(sidecar: RunningSidecar, program: Path, tmp_path: Path) -> None:
    """What a command itself starts, as `open` does in a terminal, must not load our libraries either."""
    assert sidecar.ready
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nenv > "{seen}.new"; mv "{seen}.new" "{seen}"\n')
    browser.chmod(0o755)
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            [str(program), "open", "--data-dir", str(sidecar.data_dir)],
            env=environment(BROWSER=str(browser), LD_LIBRARY_PATH="/opt/mine", TERM="xterm"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        text = eventually(lambda: seen.exists() and seen.read_text(), within=20)
    finally:
        os.close(slave)
        os.close(master)
    assert "LD_LIBRARY_PATH=/opt/mine\n" in text
    assert "_PYI" not in text and str(program.parent / "_internal") not in text


def test_without_python_pages_and_programs_work(bare: Callable[..., Sequence[str]], data: Path) -> None:
    with RunningSidecar(data, "--workers", "1", program=bare()) as running, running.client() as client:
        assert client.get("/").status_code == 200
        done = api.ends(client, api.submit(client, ["sh", "-c", "echo no python here"]))
        assert done["state"] == "SUCCEEDED"
        began = time.monotonic()
        answer = client.post("/api/tasks/", json={"simulation": "steel-pathway", "parameters": {}})
        failed = api.ends(client, answer.json()["task_id"])
        assert (failed["state"], failed["cause"], failed["attempt"]) == ("FAILED", "error", 1)
        evidence = failed["attempts"][0]["evidence"]
        assert "runs in a Python of yours, and none was found on the PATH" in evidence
        assert "STEELYARD_PYTHON" in evidence
        assert time.monotonic() - began < 10


def test_standard_output_is_written_at_once(program: Path, tmp_path: Path) -> None:
    """Each event comes when it happens: the first line is there long before the process ends."""
    process = subprocess.Popen(
        [str(program), "serve", "--data-dir", str(tmp_path / "data")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["name"] == "locking"
        assert process.poll() is None
        process.terminate()
        assert {json.loads(line)["event"] for line in process.stdout} <= {"phase", "ready"}
