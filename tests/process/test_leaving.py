"""The way out: deadlines, drains, second signals, Ctrl-C, and a parent that goes meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.helpers import api, family
from tests.helpers.reach import bearer, websocket_address
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
"""A task that no soft stop ends."""
SOFT = (
    "import signal, steelyard_task as t, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: None)\n"
    "print('begun', flush=True)\n"
    "while not t.stopping(): time.sleep(0.01)\n"
    "(t.checkpoint_dir() / 'state').write_text('1'); t.checkpointed(); print('saved', flush=True)\n"
)
"""A task that writes a checkpoint when it is asked to stop."""


def waits_for(path: Path) -> str:
    loop = f"while not os.path.exists({str(path)!r}): time.sleep(0.01)"
    return f"import os, time\nprint('begun', flush=True)\n{loop}"


def slack() -> float:
    """Seconds that a busy machine may add, which is still far from the 10 s of a soft stop.

    How long it really takes is printed by the benches.
    """
    began = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
    return 3.0 + 10 * max(0.0, time.monotonic() - began - 0.05)


def begin(client: httpx.Client, program: str) -> str:
    """Its task id, once it has said its first word."""
    task_id = api.submit_python(client, program)
    eventually(lambda: api.log(client, task_id), within=PATIENCE)
    return task_id


def websocket(sidecar: RunningSidecar) -> contextlib.AbstractContextManager[ClientConnection]:
    record = sidecar.record
    return connect(websocket_address(record), additional_headers=bearer(record), proxy=None, legacy=True)


def left_within(sidecar: RunningSidecar, seconds: float) -> float:
    """Wait for its end, and how long that took."""
    began = time.monotonic()
    assert sidecar.process.wait(seconds) == 0
    return time.monotonic() - began


@pytest.fixture
def everything() -> Iterator[dict[str, psutil.Process]]:
    found: dict[str, psutil.Process] = {}
    yield found
    family.end(found)


def test_stop_lets_a_task_save_and_gives_it_back(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        task_id = begin(client, SOFT)
        sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 20})
        assert left_within(sidecar, PATIENCE) < 5
        assert not (tmp_path / "data" / "runtime" / "sidecar.json").exists()
        assert not (tmp_path / "data" / "steelyard.db-wal").exists()
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["cause"]) == ("READY", "sidecar_lost")
        assert task["checkpoint_at"] is not None
        assert "saved" in api.log(client, task_id)


def test_stop_is_over_before_its_deadline_though_a_task_is_deaf(
    tmp_path: Path, everything: dict[str, psutil.Process]
) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 3})
        assert left_within(sidecar, PATIENCE) < 3.2 + slack()
        assert family.living(everything) == []


def test_drain_waits_for_the_task_and_takes_no_other(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with RunningSidecar(tmp_path / "data", "2", hello=True) as sidecar, sidecar.client() as client:
        first = begin(client, waits_for(go))
        sidecar.tell({"type": "shutdown", "mode": "drain", "deadline_s": 60})
        eventually(lambda: [w["state"] for w in api.workers(client)].count("DEAD") == 1, within=PATIENCE)
        second = api.submit_python(client, "pass")
        assert api.task(client, second)["waiting_for"] == "the next start: Steelyard is shutting down"
        assert api.code(client.post("/api/workers/add/")) == (503, "shutting_down")
        assert api.task(client, first)["state"] == "RUNNING"
        go.touch()
        assert left_within(sidecar, PATIENCE) < 10
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        assert api.task(client, first)["state"] == "SUCCEEDED"
        assert api.task(client, second)["state"] == "READY"


def test_a_drain_ends_at_its_deadline(tmp_path: Path, everything: dict[str, psutil.Process]) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        task_id = begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        sidecar.tell({"type": "shutdown", "mode": "drain", "deadline_s": 4})
        assert 1.5 < left_within(sidecar, PATIENCE) < 4.3 + slack()
        assert family.living(everything) == []
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        assert api.task(client, task_id)["state"] == "READY"


def test_a_drain_that_runs_out_of_time_still_lets_a_task_save(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        task_id = begin(client, SOFT)
        sidecar.tell({"type": "shutdown", "mode": "drain", "deadline_s": 4})
        assert 1.5 < left_within(sidecar, PATIENCE) < 4 + slack()
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        assert "saved" in api.log(client, task_id)
        assert api.task(client, task_id)["checkpoint_at"] is not None


@pytest.mark.parametrize("mode", ["drain", "stop"])
def test_a_stop_hastens_what_is_under_way(
    tmp_path: Path, everything: dict[str, psutil.Process], mode: str
) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        sidecar.tell({"type": "shutdown", "mode": mode, "deadline_s": 300})
        eventually(lambda: api.workers(client)[0]["state"] != "RUNNING" or mode == "stop")
        with pytest.raises(subprocess.TimeoutExpired):
            sidecar.process.wait(0.5)
        sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 1})
        sidecar.tell({"type": "shutdown", "mode": "drain", "deadline_s": 300})
        assert left_within(sidecar, PATIENCE) < 1.5 + slack()
        assert family.living(everything) == []


@pytest.mark.parametrize("mode", ["drain", "stop"])
def test_a_parent_that_goes_during_the_way_out_is_the_end_within_a_second(
    tmp_path: Path, everything: dict[str, psutil.Process], mode: str
) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
        begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        sidecar.tell({"type": "shutdown", "mode": mode, "deadline_s": 300})
        with pytest.raises(subprocess.TimeoutExpired):
            sidecar.process.wait(0.5)
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        eventually(lambda: not family.living(everything), within=1.0 + slack())
        assert sidecar.process.wait(1 + slack()) == 0


@pytest.mark.parametrize("what", ["deaf", "suspended", "clients"])
def test_the_end_of_stdin_is_the_end_of_all_within_a_second(
    tmp_path: Path, everything: dict[str, psutil.Process], what: str
) -> None:
    """A deaf task, a suspended one, and clients that hold their connections open and read nothing."""
    with (
        RunningSidecar(tmp_path / "data", "2", hello=True) as sidecar,
        sidecar.client() as client,
        contextlib.ExitStack() as held,
    ):
        task_id = begin(client, DEAF)
        if what == "suspended":
            client.post(f"/api/tasks/{task_id}/suspend/").raise_for_status()
        if what == "clients":
            held.enter_context(contextlib.suppress(ConnectionClosed, EOFError, OSError))
            held.enter_context(websocket(sidecar))
            half = held.enter_context(socket.create_connection(("127.0.0.1", sidecar.ready["port"])))
            head = f"POST /api/tasks/ HTTP/1.1\r\nHost: 127.0.0.1:{sidecar.ready['port']}\r\n"
            head += f"Authorization: Bearer {sidecar.record['token']}\r\nContent-Type: application/json\r\n"
            half.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        everything |= {str(p.pid): p for p in sidecar.pids()}
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        eventually(lambda: not family.living(everything), within=1.0 + slack())
        assert sidecar.process.wait(1 + slack()) == 0
    assert b"Traceback" not in sidecar.stderr


def test_a_sidecar_that_hangs_on_its_way_out_ends_for_certain_when_its_parent_is_gone(
    tmp_path: Path, everything: dict[str, psutil.Process]
) -> None:
    """A fault of ours, or a disk that does not answer: the loop stands still, and all ends all the same."""
    program = tmp_path / "sidecar.py"
    program.write_text(
        "import sys, time\n"
        "from steelyard.supervisor import leaving\n"
        "leaving.dismiss_all = lambda yard: time.sleep(600)\n"
        "from steelyard.cli.app import main\n"
        "sys.exit(main())\n"
    )
    run = [sys.executable, str(program)]
    with (
        RunningSidecar(tmp_path / "data", "1", hello=True, program=run) as sidecar,
        sidecar.client() as client,
    ):
        begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        assert sidecar.process.wait(4 + slack()) == 1
        eventually(lambda: not family.living(everything))


def test_sigterm_with_a_parent_is_the_same_as_without(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar:
        sidecar.event("ready")
        assert sidecar.terminate() == 0
        assert sidecar.stderr == b""


def test_a_second_signal_does_not_wait(tmp_path: Path, everything: dict[str, psutil.Process]) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        begin(client, DEAF)
        everything |= {str(p.pid): p for p in sidecar.pids()}
        sidecar.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            sidecar.process.wait(0.5)
        sidecar.process.send_signal(signal.SIGTERM)
        assert left_within(sidecar, PATIENCE) < 1.5 + slack()
        assert family.living(everything) == []


def test_ctrl_c_reaches_the_whole_foreground_group_and_only_the_sidecar_answers(tmp_path: Path) -> None:
    """As a terminal does it: SIGINT for every process of the group. The task still gets its soft stop."""
    runs = "os.execv(sys.executable, [sys.executable, '-m', 'steelyard', *sys.argv[1:]])"
    program = f"import os, sys\nos.setsid()\n{runs}"
    with (
        RunningSidecar(
            tmp_path / "data", "--workers", "1", program=[sys.executable, "-c", program]
        ) as sidecar,
        sidecar.client() as client,
    ):
        task_id = begin(client, SOFT)
        assert os.getpgid(sidecar.process.pid) == sidecar.process.pid != os.getpgid(0)
        os.killpg(sidecar.process.pid, signal.SIGINT)
        assert left_within(sidecar, PATIENCE) < 5
        assert b"Traceback" not in sidecar.stderr
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["attempts"][0]["cause"]) == ("READY", "sidecar_lost")
        assert task["checkpoint_at"] is not None
        assert {w["reason"] for w in api.workers(client)} == {"the program was closed"}


def test_an_open_websocket_hears_of_the_end_and_is_closed_with_1001(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        api.all_run(client, 1)
        with websocket(sidecar) as listener:
            assert json.loads(listener.recv(timeout=5))["type"] == "snapshot"
            sidecar.process.send_signal(signal.SIGTERM)
            heard = []
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    heard.append(json.loads(listener.recv(timeout=10)))
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        assert [m["worker"]["state"] for m in heard if m["type"] == "worker"][-1] == "DEAD"
        assert left_within(sidecar, PATIENCE) < 5


def test_a_quit_never_fails_a_task(tmp_path: Path) -> None:
    """Seven times in a row, without a checkpoint and without progress: five losses would be the end."""
    task_id = ""
    for attempt in range(1, 8):
        with RunningSidecar(tmp_path / "data", "1", hello=True) as sidecar, sidecar.client() as client:
            task_id = task_id or begin(client, DEAF)
            api.reaches(client, task_id, "RUNNING")
            assert eventually(
                lambda client=client, task_id=task_id: api.log(client, task_id), within=PATIENCE
            )  # type: ignore[misc]
            assert api.task(client, task_id)["attempt"] == attempt
            sidecar.tell({"type": "shutdown", "mode": "stop", "deadline_s": 0.2})
            left_within(sidecar, PATIENCE)
    with RunningSidecar(tmp_path / "data", hello=True) as sidecar, sidecar.client() as client:
        task = api.task(client, task_id)
        assert (task["state"], task["attempt"]) == ("READY", 7)
        assert {attempt["cause"] for attempt in task["attempts"]} == {"sidecar_lost"}


def test_health_says_that_it_is_leaving(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        begin(client, DEAF)
        sidecar.process.send_signal(signal.SIGTERM)
        eventually(lambda: client.get("/healthz").status_code == 503)
        assert api.code(client.get("/healthz")) == (503, "shutting_down")
        body = {"simulation": "command", "parameters": {"argv": ["true"]}}
        assert api.code(client.post("/api/tasks/", json=body)) == (503, "shutting_down")
        assert api.code(client.post("/api/workers/add/")) == (503, "shutting_down")
        sidecar.process.send_signal(signal.SIGTERM)
        assert left_within(sidecar, PATIENCE) < 1.5 + slack()
