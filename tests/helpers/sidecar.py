"""A real sidecar for tests: `steelyard serve` as a child process, its events, its API, its end by PID."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.helpers.reach import client_of
from tests.helpers.waiting import eventually

PATIENCE = 30.0
"""Seconds; the machines are shared and slow at times."""

SLEEPER = "import time; time.sleep(300)"


def environment(**more: str) -> dict[str, str]:
    """The environment of a sidecar under test: none of the settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WORKER_", "STEELYARD_"))}
    # A fixed, small claim and enough cores: what is under test is not how large this machine is.
    return {**kept, "WORKER_PEAK_MEMORY": "64MiB", "WORKER_CORES": "8", "WORKER_MEMORY_GUARD": "0", **more}


class RunningSidecar:
    """`steelyard serve` with its stdout read by a thread; a context manager that leaves no process behind.

    hello: greeted over stdin, by fields that change the greeting if they are given.
    """

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        hello: bool | Mapping[str, Any] = False,
        program: Sequence[str] = (sys.executable, "-m", "steelyard"),
        **env: str,
    ) -> None:
        self.data_dir = data_dir
        self.events: list[dict[str, Any]] = []
        self.hello: dict[str, Any] | None = None
        command = [*program, "serve"]
        command += ["--hello"] if hello else ["--data-dir", str(data_dir), *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**env),
        )
        self.stderr = bytearray()
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError:
            # No thread to be had: without this the process would stay when the test has failed.
            self.process.kill()
            self.process.wait(PATIENCE)
            raise
        if hello:
            self.hello = {
                "v": 1,
                "token": secrets.token_hex(32),
                "instance": str(uuid.uuid4()),
                "nonce": secrets.token_hex(16),
                "parent": {"pid": os.getpid()},
                "data_dir": str(data_dir),
                "workers": int(arguments[0]) if arguments else 0,
                **({} if hello is True else hello),
            }
            self.tell(self.hello)

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := os.read(self.process.stderr.fileno(), 4096):
            self.stderr += chunk

    def tell(self, message: dict[str, Any]) -> None:
        """One line to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def event(self, name: str) -> dict[str, Any]:
        """The first event of that name; waits for it."""

        def found() -> dict[str, Any] | None:
            for event in self.events:
                if event["event"] == name:
                    return event
            if self.process.poll() is not None and not self._readers[0].is_alive():
                raise AssertionError(
                    f"the sidecar left with {self.process.returncode}: {self.stderr.decode()}"
                )
            return None

        return eventually(found, within=PATIENCE)

    @property
    def ready(self) -> dict[str, Any]:
        """Its ready event."""
        return self.event("ready")

    @property
    def record(self) -> dict[str, Any]:
        """runtime/sidecar.json."""
        self.event("ready")
        found: dict[str, Any] = json.loads((self.data_dir / "runtime" / "sidecar.json").read_bytes())
        return found

    @property
    def proof_is_right(self) -> bool:
        """Whether the ready line proves that it got this hello."""
        assert self.hello is not None
        text = f"{self.hello['nonce']}{self.hello['instance']}{self.ready['port']}".encode()
        want = hmac.new(bytes.fromhex(str(self.hello["token"])), text, hashlib.sha256).hexdigest()
        return hmac.compare_digest(want, self.ready["proof"])

    def client(self) -> httpx.Client:
        """HTTP with its token, and no proxies."""
        return client_of(self.record)

    def pids(self) -> list[psutil.Process]:
        """The sidecar and everything below it, now."""
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def terminate(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self) -> RunningSidecar:
        return self

    def __exit__(self, *_: object) -> None:
        left = self.pids()
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
