"""What inherited an attempt's environment is ended; who only has a copy of it, or another one, is not."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from steelyard.machine.processes.heirs import end_heirs
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a Job Object does this on Windows")

VARIABLE = "YARD_HEIR"
ORPHAN = (
    "import os, sys, time\n"
    "if os.fork(): os._exit(0)\n"
    "os.setsid()\n"
    "if os.fork(): time.sleep(600)\n"
    "open(sys.argv[1], 'w').write(str(os.getpid()))\n"
    "time.sleep(600)\n"
)
"""Leaves its parent, leads a session of its own, and has a child in it that tells its pid."""


@pytest.fixture
def value() -> str:
    return secrets.token_hex(16)


def environment(value: str) -> dict[str, str]:
    return {**os.environ, VARIABLE: value}


@pytest.fixture
def stranger(value: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that a person works in; in its session runs what has a copy of the variable."""
    script = f"{VARIABLE}={value} sleep 600 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as shell:
        yield shell
        for process in [*psutil.Process(shell.pid).children(recursive=True), psutil.Process(shell.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_heirs_are_ended_with_their_children(tmp_path: Path, value: str) -> None:
    subprocess.run([sys.executable, "-c", ORPHAN, str(tmp_path / "pid")], env=environment(value), check=True)
    pid = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    child = psutil.Process(pid)
    parent = child.parent()
    assert parent is not None
    assert end_heirs(VARIABLE, [secrets.token_hex(16)]) == 0
    assert child.is_running()
    assert end_heirs(VARIABLE, [value, secrets.token_hex(16)]) >= 1
    eventually(
        lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in (child, parent))
    )
    assert end_heirs(VARIABLE, [value]) == 0


def test_one_that_a_person_started_with_a_copy_is_left_alone(
    value: str, stranger: subprocess.Popen[bytes]
) -> None:
    assert stranger.stdout is not None
    copy = psutil.Process(int(stranger.stdout.readline()))
    eventually(lambda: copy.environ().get(VARIABLE) == value)
    assert end_heirs(VARIABLE, [value]) == 0
    assert copy.is_running() and stranger.poll() is None


def test_without_a_value_nobody_is_looked_for(value: str, stranger: subprocess.Popen[bytes]) -> None:
    assert end_heirs(VARIABLE, []) == 0
    assert stranger.poll() is None
