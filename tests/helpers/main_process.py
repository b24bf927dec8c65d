"""A stand-in for Electron's main: starts the sidecar with a hello, starts it again when it has died.

`python main_process.py DATA_DIR WORKERS [--once]`. As Electron does, it brings back as many workers as lived
after a crash ("restore"); unlike it, it waits for no back-off. SIGTERM: an orderly shutdown. kill -9: the
sidecar is alone. With --once it leaves when the sidecar has.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

FILE = str(Path(__file__))
LOCKED_PAUSE = 0.05
"""Seconds until the next try where an earlier sidecar is still on its way out."""


class Main:
    """Signals come to a flag, so that the shutdown is asked for once, whatever the loop is at."""

    def __init__(self, data: str, workers: int, *, once: bool) -> None:
        self._data, self._workers, self._once = data, workers, once
        self._sidecar: subprocess.Popen[bytes] | None = None
        self._leaving = False

    def run(self) -> None:
        """Until SIGTERM, or with `once` until the sidecar has gone."""
        signal.signal(signal.SIGTERM, lambda *_: self._leave())
        wanted: int | str = self._workers
        while not self._leaving:
            said = self._one_run(wanted)
            crashed = self._sidecar is not None and self._sidecar.returncode != 0
            if "data_dir_locked" in said:
                time.sleep(LOCKED_PAUSE)
            elif "ready" in said:
                wanted = "restore" if crashed else self._workers
            if self._once:
                break

    def _one_run(self, workers: int | str) -> set[str]:
        """Names of events and codes that one sidecar said in its life."""
        command = [sys.executable, "-m", "steelyard", "serve", "--hello"]
        self._sidecar = sidecar = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._tell(
            v=1,
            token=secrets.token_hex(32),
            instance=str(uuid.uuid4()),
            nonce=secrets.token_hex(16),
            parent={"pid": os.getpid()},
            data_dir=self._data,
            workers=workers,
        )
        if self._leaving:
            self._leave()
        said: set[str] = set()
        assert sidecar.stdout is not None
        for line in sidecar.stdout:
            event = json.loads(line)
            said |= {event["event"], event.get("code", "")}
        sidecar.wait()
        return said

    def _leave(self) -> None:
        self._leaving = True
        if self._sidecar is not None:
            self._tell(type="shutdown", mode="stop", deadline_s=10)

    def _tell(self, **message: object) -> None:
        assert self._sidecar is not None and self._sidecar.stdin is not None
        with contextlib.suppress(OSError):
            os.write(self._sidecar.stdin.fileno(), json.dumps(message).encode() + b"\n")


def command(data: Path, workers: int, *, once: bool = False) -> list[str]:
    """The argv of such a process."""
    return [sys.executable, FILE, str(data), str(workers), *(["--once"] if once else [])]


if __name__ == "__main__":
    Main(sys.argv[1], int(sys.argv[2]), once="--once" in sys.argv).run()
