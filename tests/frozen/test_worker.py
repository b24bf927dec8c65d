"""The frozen agent over real pipes: its start, its size, what it loads, and its exit statuses."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.process import agent_harness
from tests.process.agent_harness import Agent, python

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="memory maps are read from /proc here"),
]

READY_WITHIN, LARGEST = 0.120, 12_000_000
"""Seconds from spawn to `ready`; bytes that an idle agent has for itself."""


@pytest.fixture(autouse=True)
def frozen(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness spawns the frozen agent."""
    monkeypatch.setattr(agent_harness, "worker_command", lambda: [str(program), "worker"])


def test_it_is_ready_in_time(tmp_path: Path) -> None:
    """The best of some: what else this machine does is not what is measured."""
    took = []
    for _ in range(8):
        began = time.monotonic()
        with Agent(tmp_path) as agent:
            agent.expect("ready")
            took.append(time.monotonic() - began)
    assert min(took) <= READY_WITHIN, took


def test_it_is_small_and_loads_the_standard_library_only(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        agents = [stack.enter_context(Agent(tmp_path)) for _ in range(2)]
        for agent in agents:
            agent.expect("ready")
        process = psutil.Process(agents[0].process.pid)
        assert process.memory_full_info().uss <= LARGEST
        assert process.num_threads() == 1
        loaded = {Path(one.path).name for one in process.memory_maps() if ".so" in one.path}
        foreign = (
            "psutil",
            "msgspec",
            "sqlite",
            "ssl",
            "crypto",
            "asyncio",
            "rpds",
            "multiprocessing",
            "bz2",
        )
        assert [name for name in loaded if any(word in name for word in foreign)] == []


def test_it_runs_a_task_and_leaves_when_told(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.expect("ready")
        ended = agent.run(python("print('grüße'); raise SystemExit(7)"))
        assert (ended["exit_code"], ended["tail"]) == (7, "grüße\n")
        agent.say({"type": "exit", "grace": 1.0})
        assert agent.process.wait(10) == 0


def test_its_exit_status_says_why_it_left(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.expect("ready")
        agent.say(b"no message\n")
        assert agent.process.wait(10) == 3
    with Agent(tmp_path) as agent:
        agent.expect("ready")
        agent.hang_up()
        assert agent.process.wait(10) == 4
    with Agent(tmp_path) as agent:
        agent.expect("ready")
        os.kill(agent.process.pid, signal.SIGTERM)
        assert agent.process.wait(10) == 128 + signal.SIGTERM
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
