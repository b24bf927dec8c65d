"""kill -9 of any of the frozen processes: within 1 s nothing of ours lives, setsid grandchildren included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.helpers import api, family
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="process trees are read from /proc here"),
]

GONE_WITHIN = 1.0
"""Seconds."""

EPOLL = ("232", "281", "22")
"""The numbers of epoll_wait and epoll_pwait on x86-64, and of epoll_pwait on arm64."""

PARENT = """
import json, os, subprocess, sys
sidecar = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
hello = json.loads(sys.stdin.readline())
hello["parent"] = {"pid": os.getpid()}
sidecar.stdin.write(json.dumps(hello).encode() + b"\\n")
sidecar.stdin.flush()
for line in sidecar.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
"""
"""A program that embeds: it spawns the sidecar, says hello, and passes on what the sidecar says."""


class Scene:
    """A fresh place for a sidecar and for a task with relatives of every kind, who tell their PIDs there."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.pids = folder / "pids"
        self.pids.mkdir(parents=True)
        self.people: dict[str, psutil.Process] = {}

    def begin(self, client: httpx.Client) -> tuple[str, psutil.Process]:
        """Runs the task on the only worker: its id, and that worker."""
        agent = psutil.Process(api.all_run(client, 1)[0]["pid"])
        task_id = api.submit(client, family.argv(self.pids))
        self.people = eventually(lambda: family.members(self.pids), within=20)
        return task_id, agent

    def kill(self, pid: int, *others: psutil.Process) -> float:
        """kill -9; the seconds until none of the task's family and of the others lives."""
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        eventually(
            lambda: not family.living(self.people) and not any(family.lives(one) for one in others),
            within=10 * GONE_WITHIN,
        )
        return time.monotonic() - began


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Iterator[Scene]]:
    """Up to three, since what else this machine does is not what is measured. Who is left then is ended."""
    made = []

    def each() -> Iterator[Scene]:
        for number in range(3):
            made.append(Scene(tmp_path / str(number)))
            yield made[-1]

    yield each()
    for scene in made:
        family.end(family.members(scene.pids) or {})


def test_kill_of_the_sidecar_ends_all(program: Path, scenes: Iterator[Scene]) -> None:
    for scene in scenes:
        with (
            RunningSidecar(scene.data, "--workers", "1", program=[str(program)]) as sidecar,
            sidecar.client() as client,
        ):
            _, agent = scene.begin(client)
            if scene.kill(sidecar.process.pid, agent) <= GONE_WITHIN:
                return
    raise AssertionError(f"it took more than {GONE_WITHIN} s each time")


def test_kill_of_the_program_that_embeds_ends_all(program: Path, scenes: Iterator[Scene]) -> None:
    parent = [sys.executable, "-c", PARENT, str(program)]
    for scene in scenes:
        with RunningSidecar(scene.data, "1", hello=True, program=parent) as main, main.client() as client:
            _, agent = scene.begin(client)
            sidecar = psutil.Process(main.ready["pid"])
            assert sidecar.ppid() == main.process.pid
            if scene.kill(main.process.pid, agent, sidecar) <= GONE_WITHIN:
                return
    raise AssertionError(f"it took more than {GONE_WITHIN} s each time")


def test_kill_of_the_agent_ends_its_tree_and_the_task_starts_again(
    program: Path, scenes: Iterator[Scene]
) -> None:
    scene = next(scenes)
    with (
        RunningSidecar(scene.data, "--workers", "1", program=[str(program)]) as sidecar,
        sidecar.client() as client,
    ):
        task_id, agent = scene.begin(client)
        assert scene.kill(agent.pid, agent) <= GONE_WITHIN
        again = eventually(lambda: (t := api.task(client, task_id))["attempt"] == 2 and t, within=30)
        assert again["attempts"][0]["cause"] == "worker_lost"


def test_the_kernel_ends_an_agent_whose_parent_dies_although_its_pipe_stays_open(
    program: Path, tmp_path: Path
) -> None:
    """PDEATHSIG: a sibling holds the write end of the agent's stdin, so no end-of-file comes."""
    reader, writer = os.pipe()
    code = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:], stdin=0); "
        "print(p.pid, flush=True); time.sleep(600)"
    )
    log = (tmp_path / "log").open("wb")
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(program), "worker"], stdin=reader, stdout=subprocess.PIPE, stderr=log
    )
    os.close(reader)
    try:
        assert parent.stdout is not None
        agent = psutil.Process(int(parent.stdout.readline()))
        # It has tied itself to its parent once it waits for its first message.
        eventually(lambda: Path(f"/proc/{agent.pid}/syscall").read_text().split()[0] in EPOLL, within=10)
        parent.kill()
        parent.wait()
        eventually(lambda: not family.lives(agent), within=GONE_WITHIN)
    finally:
        parent.kill()
        parent.wait()
        os.close(writer)
        log.close()
        assert parent.stdout is not None
        parent.stdout.close()
