"""Drives a real agent over real pipes: in the test's own process (Agent), or from a stand-in for the sidecar.

Run as a program it is that stand-in: a subreaper that starts an agent with one task, passes on what the agent
says, ends what the agent leaves behind (as the sidecar does), and lives until it is killed or its standard
input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from steelyard.machine import containment, identity, process_table
from steelyard.machine.programs import worker_command

FAMILY = str(Path(__file__).with_name("family.py"))
KINDS = ("plain", "setsid", "daemon", "stubborn", "stopped")
TOKEN = "5a" * 32

Message = dict[str, object]


def hello(folder: Path, heartbeat: float = 30.0, log_bytes: int = 10_000_000) -> Message:
    """The first message to an agent whose parent is this process."""
    parent = {"pid": os.getpid(), "identity": identity.identity_of(os.getpid())}
    log = {"path": str(folder / "worker.log"), "bytes": log_bytes, "backups": 3}
    return {
        "type": "hello",
        "v": 1,
        "worker_id": "w1",
        "token": TOKEN,
        "heartbeat": heartbeat,
        "parent": parent,
        "log": log,
    }


def start(place: Path, argv: list[str], **changes: object) -> Message:
    """A start message for attempt 1 of task t1, with its folders under `place`."""
    environment = {
        "STEELYARD_STOP_FILE": str(place / "stop"),
        "STEELYARD_OUTPUT_DIR": str(place / "attempt-1" / "output"),
        "PYTHONUNBUFFERED": "1",
    }
    message: Message = {
        "type": "start",
        "task_id": "t1",
        "attempt": 1,
        "argv": argv,
        "environment": environment,
        "directory": str(place),
        "folder": str(place / "attempt-1"),
        "timeout": 0,
        "grace": 0.3,
        "pattern": None,
    }
    environment.update(changes.pop("environment", {}))  # type: ignore[call-overload]
    return {**message, **changes}


def family(folder: Path, what: str, *kinds: str) -> list[str]:
    """The argv of a task with such relatives."""
    return [sys.executable, "-S", FAMILY, str(folder), what, *kinds]


def python(code: str) -> list[str]:
    """The argv of a task that runs this code."""
    return [sys.executable, "-S", "-u", "-c", code]


def spawn(folder: Path) -> subprocess.Popen[bytes]:
    """A fresh agent that was told nothing yet."""
    with open(folder / "worker.log", "ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            **containment.worker_options(),  # type: ignore[call-overload]
        )
    return process


class Agent:
    """An agent below the test itself. Leaving the context ends it and whatever is left below it."""

    def __init__(self, folder: Path, *, greet: bool = True, heartbeat: float = 30.0) -> None:
        self.folder = folder
        self.messages: list[Message] = []
        self.process = spawn(folder)
        assert self.process.stdout is not None and self.process.stdin is not None
        self._out = self.process.stdout.fileno()
        self._in = self.process.stdin.fileno()
        self._rest = b""
        if greet:
            self.say(hello(folder, heartbeat))

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdout is not None and self.process.stdin is not None
        containment.end_tree(self.process.pid)
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    @property
    def log(self) -> str:
        """What the agent has written to its log."""
        return (self.folder / "worker.log").read_text()

    def say(self, message: Message | bytes) -> None:
        """Send a message, or raw bytes."""
        os.write(self._in, message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    def hang_up(self) -> None:
        """End-of-file for the agent."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def order(self, type_: str, **fields: object) -> None:
        """A message about attempt 1 of task t1."""
        self.say({"type": type_, "task_id": "t1", "attempt": 1, **fields})

    def expect(self, type_: str, within: float = 10.0) -> Message:
        """The next message of this type; those before it are in `messages`."""
        deadline = time.monotonic() + within
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            while True:
                while b"\n" in self._rest:
                    line, _, self._rest = self._rest.partition(b"\n")
                    message = json.loads(line)
                    self.messages.append(message)
                    if message["type"] == type_:
                        return dict(message)
                left = deadline - time.monotonic()
                if left < 0 or not selector.select(left):
                    raise AssertionError(
                        f"no {type_} within {within} s; got {self.messages}; log:\n{self.log}"
                    )
                data = os.read(self._out, 65536)
                if not data:
                    raise AssertionError(
                        f"the agent ended before {type_}; got {self.messages}; log:\n{self.log}"
                    )
                self._rest += data

    def run(self, argv: list[str], within: float = 20.0, **changes: object) -> Message:
        """Run a task to its end; its `ended`."""
        self.say(start(self.folder, argv, **changes))
        return self.expect("ended", within)

    def of(self, type_: str) -> list[Message]:
        """The messages of a type so far."""
        return [message for message in self.messages if message["type"] == type_]


def pids(folder: Path, *names: str) -> dict[str, tuple[int, str]]:
    """(pid, identity) of each relative that has written its pid, and lives."""
    found = {}
    for name in names:
        path = folder / f"{name}.pid"
        if path.exists():
            pid = int(path.read_text())
            entry = process_table.entry(pid)
            if entry is not None and not entry.ended:
                found[name] = (pid, entry.identity)
    return found


def living(known: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Those of pids() that still live."""
    return {name: each for name, each in known.items() if identity.is_same(*each)}


def main(folder: Path, what: str) -> int:
    """The stand-in for the sidecar; one JSON line a message on standard output."""
    containment.become_subreaper()
    agent = spawn(folder)
    assert agent.stdin is not None and agent.stdout is not None
    for message in (hello(folder), start(folder, family(folder, what, *KINDS), grace=10.0)):
        agent.stdin.write(json.dumps(message).encode() + b"\n")
    agent.stdin.flush()
    print(json.dumps({"type": "agent", "pid": agent.pid}), flush=True)
    selector = selectors.DefaultSelector()
    selector.register(agent.stdout, selectors.EVENT_READ, "agent")
    selector.register(0, selectors.EVENT_READ, "test")
    while True:
        for key, _ in selector.select():
            data = os.read(key.fd, 65536)
            if key.data == "test" and not data:
                containment.end_descendants()
                return 0
            if key.data == "agent" and data:
                os.write(1, data)
            elif key.data == "agent":
                selector.unregister(agent.stdout)
                status = agent.wait()
                swept = containment.end_descendants()
                print(json.dumps({"type": "swept", "count": swept, "status": status}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
