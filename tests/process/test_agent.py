"""A real agent: handshake, heartbeats, what it runs and how that ended, and messages that are none."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from steelyard.machine import identity
from tests.helpers.waiting import eventually
from tests.process.agent_harness import TOKEN, Agent, hello, python, start

# A C call that keeps the GIL: PyDLL does not release it, and time.sleep() would.
HOLDS_THE_GIL = "import ctypes; print('held', flush=True); ctypes.PyDLL(None).usleep({microseconds})"


def test_handshake_gives_the_token_back(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        ready = agent.expect("ready")
        assert ready == {
            "type": "ready",
            "v": 1,
            "worker_id": "w1",
            "token": TOKEN,
            "pid": agent.process.pid,
            "identity": identity.identity_of(agent.process.pid),
        }
        assert TOKEN not in agent.log


def test_exit_leaves_with_status_0(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.expect("ready")
        agent.say({"type": "exit", "grace": 0})
        assert agent.process.wait(5) == 0
        assert "worker w1: started" in agent.log


def test_heartbeats_while_the_task_holds_the_gil(tmp_path: Path) -> None:
    with Agent(tmp_path, heartbeat=0.1) as agent:
        agent.say(start(tmp_path, python(HOLDS_THE_GIL.format(microseconds=900_000))))
        agent.expect("started")
        eventually(lambda: (tmp_path / "attempt-1" / "output.log").read_bytes() == b"held\n")
        seen = len(agent.of("heartbeat"))
        agent.expect("ended")
        assert len(agent.of("heartbeat")) - seen >= 4


def test_the_same_call_stops_a_thread_in_its_process() -> None:
    """The red side of the test above: what a heartbeat inside the task's process would do."""
    code = (
        "import ctypes, threading, time\n"
        "beats = []\n"
        "def beat():\n"
        "    while True: beats.append(1); time.sleep(0.01)\n"
        "threading.Thread(target=beat, daemon=True).start()\n"
        "before = len(beats); ctypes.PyDLL(None).usleep(300000); raise SystemExit(len(beats) - before > 2)\n"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_what_a_task_sees(tmp_path: Path) -> None:
    code = (
        "import os, sys; print(os.getcwd()); print(os.environ.get('KEPT'), os.environ.get('LANG'), "
        "os.environ.get('HOME')); print(sys.stdin.read() == '', os.getsid(0) == os.getpid(), "
        "len(os.listdir('/proc/self/fd')) - 1)"
    )
    changes = {"KEPT": "å\N{SNOWMAN}", "HOME": None, "LANG": "C.UTF-8"}
    with Agent(tmp_path) as agent:
        ended = agent.run(python(code), environment=changes)
        assert ended["tail"] == f"{tmp_path}\nå\N{SNOWMAN} C.UTF-8 None\nTrue True 3\n"


def test_a_success(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        ended = agent.run(python("x = bytearray(50_000_000); sum(range(2_000_000))"))
        started = agent.of("started")[0]
        assert started["pid"] and "/" in str(started["identity"])
        assert ended.pop("peak_memory") > 50_000_000  # type: ignore[operator]
        assert 0.01 < ended.pop("cpu_seconds") < 10  # type: ignore[operator]
        assert ended == {
            "type": "ended",
            "task_id": "t1",
            "attempt": 1,
            "exit_code": 0,
            "signal": None,
            "stopped": None,
            "error": None,
            "tail": "",
            "left_over": 0,
            "lost": 0,
        }
        assert (tmp_path / "attempt-1" / "output").is_dir()


def test_one_agent_runs_many_attempts(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        for code in (0, 3, 0):
            assert agent.run(["sh", "-c", f"exit {code}"])["exit_code"] == code


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("raise SystemExit(7)", 7, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", None, signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", None, signal.SIGTERM),
        ("raise SystemExit(137)", 137, None),
    ],
)
def test_exit_codes_and_signals_are_told_apart(
    tmp_path: Path, code: str, exit_code: int | None, number: int | None
) -> None:
    with Agent(tmp_path) as agent:
        ended = agent.run(python(code))
        assert (ended["exit_code"], ended["signal"], ended["error"]) == (exit_code, number, None)


def not_executable(folder: Path) -> str:
    (folder / "model").write_text("#!/bin/sh\n")
    (folder / "model").chmod(0o600)
    return str(folder / "model")


def without_interpreter(folder: Path) -> str:
    (folder / "script").write_text("#!/no/such/interpreter\n")
    (folder / "script").chmod(0o700)
    return str(folder / "script")


def no_program_at_all(folder: Path) -> str:
    (folder / "data").write_bytes(b"\x00\x01\x02")
    (folder / "data").chmod(0o700)
    return str(folder / "data")


def test_what_cannot_start_is_named(tmp_path: Path) -> None:
    cases = [
        ({"argv": ["no-such-program"]}, "no-such-program was not found"),
        ({"argv": ["/no/such/program"]}, "/no/such/program was not found"),
        ({"argv": ["python3 -c print(1)"]}, "Give the program and its arguments apart: python3 -c print(1)."),
        ({"argv": ["./model.py"]}, "./model.py was not found"),
        ({"argv": [not_executable(tmp_path)]}, "model may not be executed"),
        ({"argv": [without_interpreter(tmp_path)]}, "script names an interpreter"),
        ({"argv": [no_program_at_all(tmp_path)]}, "data is not in a form"),
        ({"argv": [no_program_at_all(tmp_path)]}, f"Then name what reads it: sh {tmp_path}/data."),
        ({"argv": [str(tmp_path)]}, f"{tmp_path} may not be executed"),
        (
            {"argv": ["true"], "directory": "/no/such/directory"},
            "directory /no/such/directory does not exist",
        ),
        ({"argv": ["true"], "directory": __file__}, f"directory {__file__} does not exist or is not"),
        ({"argv": ["tr\0ue"]}, "could not be started"),
        ({"argv": ["true", "x" * 300_000]}, "longer than this system takes. Give it long values in a file."),
        ({"argv": ["true"], "environment": {"A=B": "x"}}, "illegal environment variable name"),
        ({"argv": ["true"], "folder": "/proc/nothing"}, "The folder /proc/nothing for the output"),
    ]
    with Agent(tmp_path) as agent:
        for changes, sentence in cases:
            ended = agent.run(**changes)  # type: ignore[arg-type]
            assert sentence in str(ended["error"])
            assert (ended["exit_code"], ended["signal"], ended["tail"]) == (None, None, "")
            assert str(ended["error"]).endswith(".")
        assert agent.of("started") == []
        assert agent.run(["true"])["exit_code"] == 0


GARBAGE = [
    b"what?\n",
    b"{}\n",
    b"[]\n",
    b'{"type":"nonsense"}\n',
    b'{"type":"start"}\n',
    b"[" * 100_000 + b"\n",
    b'{"type":"stop","task_id":5,"attempt":1,"reason":"x","grace":1}\n',
    b'{"type":"stop","task_id":"t1","attempt":1,"reason":"x","grace":NaN}\n',
    b'{"type":"exit","grace":-1}\n',
    b"\xff\xfe\n",
    b"x" * 5_000_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_the_agent_and_its_tree(tmp_path: Path, garbage: bytes) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, ["sleep", "60"]))
        pid = int(str(agent.expect("started")["pid"]))
        agent.say(garbage)
        assert agent.process.wait(5) == 3
        assert identity.identity_of(pid) is None
        assert "no message" in agent.log


def test_messages_at_the_wrong_moment(tmp_path: Path) -> None:
    for count, wrong in enumerate(("hello", "start")):
        folder = tmp_path / str(count)
        folder.mkdir()
        with Agent(folder) as agent:
            agent.say(start(folder, ["sleep", "60"]))
            agent.expect("started")
            agent.say(hello(folder) if wrong == "hello" else start(folder, ["true"]))
            assert agent.process.wait(5) == 3
    with Agent(tmp_path, greet=False) as agent:
        agent.say(start(tmp_path, ["true"]))
        assert agent.process.wait(5) == 3
    with Agent(tmp_path, greet=False) as agent:
        agent.say({**hello(tmp_path), "v": 2})
        assert agent.process.wait(5) == 3


def test_a_message_for_another_attempt_changes_nothing(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.say({"type": "stop", "task_id": "t0", "attempt": 9, "reason": "cancelled", "grace": 0})
        agent.say(start(tmp_path, python("import time; time.sleep(0.3)")))
        agent.expect("started")
        agent.say({"type": "stop", "task_id": "t1", "attempt": 2, "reason": "cancelled", "grace": 0})
        assert agent.expect("ended")["exit_code"] == 0
        assert "task t1 attempt 2, which does not run here" in agent.log


def test_log_rotates_and_holds_the_last_lines_of_a_failure(tmp_path: Path) -> None:
    with Agent(tmp_path, greet=False) as agent:
        agent.say(hello(tmp_path, log_bytes=1200))
        agent.run(python("print('secret success')"))
        agent.run(python("print('before'); raise ValueError('boom')"))
        written = "".join(path.read_text() for path in sorted(tmp_path.glob("worker.log*"), reverse=True))
        assert "    ValueError: boom\n" in written
        assert "secret success" not in written.replace("print('secret success')", "")
        for _ in range(20):
            agent.run(["true"])
        assert sorted(path.name for path in tmp_path.glob("worker.log*")) == [
            "worker.log",
            "worker.log.1",
            "worker.log.2",
            "worker.log.3",
        ]
        assert (tmp_path / "worker.log").stat().st_size <= 1200
