"""The terminal in which `steelyard serve` runs is closed: a soft stop, unless it was started with nohup."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers.sidecar import PATIENCE, environment
from tests.helpers.waiting import eventually

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals, and no SIGHUP", allow_module_level=True)

SAVES = """
import os, signal, sys, time
def stop(*_):
    open(os.path.join(os.environ["STEELYARD_CHECKPOINT_DIR"], "state"), "w").write("saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("going", flush=True)
while True: time.sleep(0.2)
"""

ADOPT = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal that controls the session, and is the given program then. The tests may
have been started with nohup themselves.
"""


class Terminal:
    """A pseudo-terminal, and `steelyard serve` in it as its foreground program."""

    def __init__(self, data: Path, *before: str) -> None:
        self.data = data
        command = [
            *before,
            sys.executable,
            "-m",
            "steelyard",
            "serve",
            "--data-dir",
            str(data),
            "--workers",
            "1",
        ]
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ADOPT, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(),
            cwd=data.parent,
            start_new_session=True,
        )
        os.close(slave)

    def hang_up(self) -> None:
        """Close the window."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def submit(self) -> Path:
        """A task that saves when it is asked to stop; its folder, once it runs."""
        eventually((self.data / "runtime" / "sidecar.json").exists, within=PATIENCE)
        argv = json.dumps([sys.executable, "-c", SAVES])
        command = ["submit", "command", "-p", f"argv={argv}", "--data-dir", str(self.data)]
        answer = subprocess.run(
            [sys.executable, "-m", "steelyard", *command],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert answer.returncode == 0, answer.stderr
        folder = self.data / "tasks" / answer.stdout.split()[0]
        log = folder / "attempt-1" / "output.log"
        eventually(lambda: log.exists() and "going" in log.read_text(), within=PATIENCE)
        return folder


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Those that a test opens; what lives in them is ended."""
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.hang_up()
        with suppress(ProcessLookupError):
            each.process.send_signal(signal.SIGTERM)
        each.process.wait(PATIENCE)


def test_a_closed_terminal_lets_the_tasks_save(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(tmp_path / "data"))
    folder = terminal.submit()
    terminal.hang_up()
    # The system tells it, and so does a shell that goes as well.
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(PATIENCE) == 0
    assert (folder / "checkpoint" / "state").read_text() == "saved"
    assert not (tmp_path / "data" / "runtime" / "sidecar.json").exists()


def test_nohup_keeps_it(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(tmp_path / "data", "nohup"))
    folder = terminal.submit()
    terminal.hang_up()
    terminal.process.send_signal(signal.SIGHUP)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(PATIENCE) == 0
    assert (folder / "checkpoint" / "state").read_text() == "saved"
    log = (tmp_path / "data" / "logs" / "sidecar.log").read_text()
    assert "leaving (SIGTERM)" in log and "terminal" not in log
