"""The watch of a parent while the program is loaded: real processes, real pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from steelyard.machine import hangup
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs poll()")

LOADING = "from steelyard.machine import hangup; hangup.begin(0); import time; print(os.getpid(), flush=True)"
LOOKS = f"time.sleep({4 * hangup.LOOK_EVERY}); print('alive', flush=True)"
CHILD = f"import os, sys; {LOADING}; sys.stdin.buffer.raw.readline(); {LOOKS}; time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}]).wait()"


class Pair:
    """A parent and its child, which is being loaded; we hold the pipe that both have from us."""

    def __init__(self) -> None:
        reader, self.writer = os.pipe()
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdin=reader, stdout=subprocess.PIPE, text=True
        )
        os.close(reader)
        self.child = psutil.Process(int(self.says()))

    def says(self) -> str:
        """The child's next line; empty when it has ended."""
        assert self.parent.stdout is not None
        return self.parent.stdout.readline().strip()

    def hang_up(self) -> None:
        """Nobody writes to it any more."""
        os.close(self.writer)
        self.writer = -1

    def end(self) -> None:
        """Both, and the pipes."""
        for process in (self.parent, self.child):
            if process.pid and psutil.pid_exists(process.pid):
                process.kill()
        self.parent.wait()
        if self.writer >= 0:
            self.hang_up()
        assert self.parent.stdout is not None
        self.parent.stdout.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.end()


def test_without_parent_and_pipe_it_ends(pair: Pair) -> None:
    pair.parent.kill()
    pair.hang_up()
    assert pair.says() == ""
    eventually(lambda: not pair.child.is_running())


def test_a_parent_that_hands_on_its_pipe_may_leave(pair: Pair) -> None:
    pair.parent.kill()
    pair.parent.wait()
    os.write(pair.writer, b"go on\n")
    assert pair.says() == "alive"


def test_a_parent_that_has_said_all_keeps_it_alive(pair: Pair) -> None:
    os.write(pair.writer, b"go on\n")
    pair.hang_up()
    assert pair.says() == "alive"
