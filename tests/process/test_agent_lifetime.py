"""Nobody is left behind: kill -9 of the task, of the agent, of its parent, with relatives of every kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine import containment
from tests.helpers.waiting import eventually
from tests.process.agent_harness import KINDS, Agent, family, hello, living, pids, start

WITHIN = 1.0
"""The contract: all gone within a second."""


class StandIn:
    """The harness as a process of its own, with an agent and a whole family below it."""

    def __init__(self, folder: Path, what: str) -> None:
        program = str(Path(__file__).with_name("agent_harness.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, str(folder), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.agent = self.read("agent")["pid"] or 0
        self.read("started")
        eventually(lambda: (folder / "first.pid").exists(), within=10)
        self.family = pids(folder, "first", *KINDS)
        assert set(self.family) == {"first", *KINDS}

    def read(self, type_: str) -> dict[str, int | None]:
        """The next message of a type."""
        assert self.process.stdout is not None
        while True:
            message = json.loads(self.process.stdout.readline())
            if message["type"] == type_:
                return dict(message)

    def close(self) -> None:
        """End it all, whatever the test found."""
        assert self.process.stdin is not None and self.process.stdout is not None
        for pid, known in self.family.values():
            containment.end_known(pid, known)
        containment.end_tree(self.process.pid)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def standin(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    made = StandIn(tmp_path, getattr(request, "param", "wait"))
    yield made
    made.close()


def all_gone(standin: StandIn) -> None:
    eventually(lambda: not living(standin.family), within=WITHIN)


def test_kill_of_the_task(standin: StandIn) -> None:
    os.kill(standin.family["first"][0], signal.SIGKILL)
    ended = standin.read("ended")
    all_gone(standin)
    assert ended["signal"] == signal.SIGKILL and ended["exit_code"] is None
    assert ended["left_over"] == len(KINDS)


@pytest.mark.parametrize("standin", ["wait", "ignore"], indirect=True)
def test_kill_of_the_agent(standin: StandIn) -> None:
    os.kill(standin.agent, signal.SIGKILL)
    all_gone(standin)
    swept = standin.read("swept")
    assert swept["status"] == -signal.SIGKILL
    assert (swept["count"] or 0) >= len(KINDS)


@pytest.mark.parametrize("standin", ["wait", "ignore"], indirect=True)
def test_kill_of_the_parent(standin: StandIn) -> None:
    standin.process.kill()
    all_gone(standin)
    eventually(lambda: not Path(f"/proc/{standin.agent}/exe").exists(), within=WITHIN)


def test_sigterm_to_the_agent(standin: StandIn) -> None:
    os.kill(standin.agent, signal.SIGTERM)
    all_gone(standin)
    assert standin.read("swept") == {"type": "swept", "count": 0, "status": 128 + signal.SIGTERM}


@pytest.mark.parametrize("what", ["wait", "ignore"])
def test_end_of_file(tmp_path: Path, what: str) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, family(tmp_path, what, *KINDS)))
        eventually(lambda: (tmp_path / "first.pid").exists(), within=10)
        known = pids(tmp_path, "first", *KINDS)
        agent.hang_up()
        eventually(lambda: not living(known) and agent.process.poll() is not None, within=WITHIN)
        assert agent.process.returncode == 4


def test_end_of_file_before_hello(tmp_path: Path) -> None:
    with Agent(tmp_path, greet=False) as agent:
        agent.hang_up()
        assert agent.process.wait(5) == 4


def test_parent_that_is_not_there(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with Agent(tmp_path, greet=False) as agent:
        message = hello(tmp_path)
        message["parent"] = {"pid": gone.pid, "identity": "some-boot/1"}
        agent.say(message)
        assert agent.process.wait(5) == 4


def test_parent_whose_pid_is_another_process_now(tmp_path: Path) -> None:
    decoy = subprocess.Popen(["sleep", "60"])
    try:
        with Agent(tmp_path, greet=False) as agent:
            message = hello(tmp_path)
            message["parent"] = {"pid": decoy.pid, "identity": "another-boot/1"}
            agent.say(message)
            assert agent.process.wait(5) == 4
            # At once, and not when the watchdog looks for the first time.
            assert "the parent that said hello is not there" in agent.log
            assert agent.of("ready") == []
        assert decoy.poll() is None
    finally:
        decoy.kill()
        decoy.wait()


def test_sigint_changes_nothing(tmp_path: Path) -> None:
    with Agent(tmp_path, heartbeat=0.05) as agent:
        agent.expect("ready")
        agent.process.send_signal(signal.SIGINT)
        agent.process.send_signal(signal.SIGHUP)
        agent.expect("heartbeat")
        agent.expect("heartbeat")
        assert agent.process.poll() is None


def test_task_gets_default_signals(tmp_path: Path) -> None:
    code = (
        "import signal; print([signal.getsignal(n) == signal.SIG_DFL for n in "
        "(signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)], "
        "signal.getsignal(signal.SIGINT) == signal.default_int_handler)"
    )
    with Agent(tmp_path) as agent:
        # Python itself ignores SIGPIPE; all else shows what the agent passed on.
        ended = agent.run([sys.executable, "-S", "-u", "-c", code])
        assert ended["tail"] == "[True, True, False, True] True\n"


def test_exit_zero_while_a_grandchild_holds_stdout(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        began = time.monotonic()
        ended = agent.run(family(tmp_path, "exit", "daemon", "plain"))
        assert (ended["exit_code"], ended["signal"], ended["left_over"]) == (0, None, 2)
        assert ended["tail"] == "all there\n"
        assert not pids(tmp_path, "daemon", "plain")
        assert time.monotonic() - began < 10


def test_orphans_of_a_running_task_are_reaped(tmp_path: Path) -> None:
    # A shell that leaves short daemons behind: none may stay as a zombie of the agent.
    argv = ["sh", "-c", "for n in 1 2 3 4 5; do (setsid sh -c 'exit 3' &); done; touch done; sleep 60"]
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, argv))
        eventually(lambda: (tmp_path / "done").exists())
        children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
        eventually(lambda: len(children.read_text().split()) == 1)


def test_fork_storm_is_ended(tmp_path: Path) -> None:
    # Each generation forks on and dies: whoever only lists and kills chases it for ever.
    code = (
        "import os, time\n"
        "for _ in range(3): os.fork()\n"
        "while True:\n"
        "    if os.fork(): os._exit(0)\n"
        "    time.sleep(0.002)\n"
    )
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, ["sh", "-c", '"$0" -S -c "$1" & sleep 60', sys.executable, code]))
        agent.expect("started")
        eventually(lambda: len(containment.descendants(agent.process.pid)) > 5)
        agent.order("stop", reason="cancelled", grace=0)
        ended = agent.expect("ended")
        assert ended["signal"] == signal.SIGKILL
        assert containment.descendants(agent.process.pid) == []
