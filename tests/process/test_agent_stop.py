"""The three steps of a stop, the time limit, and freezing: with real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from steelyard.machine import containment, process_table
from tests.helpers.waiting import eventually
from tests.process.agent_harness import KINDS, Agent, family, living, pids, python, start

POLITE = (
    "import os, signal, sys, time\n"
    "def leave(*_):\n"
    "    print('stop file', os.path.exists(os.environ['STEELYARD_STOP_FILE']))\n"
    "    sys.exit(5)\n"
    "signal.signal(signal.SIGTERM, leave)\n"
    "print('ready')\n"
    "while True: time.sleep(60)\n"
)


def run_family(agent: Agent, folder: Path, what: str, **changes: object) -> dict[str, tuple[int, str]]:
    agent.say(start(folder, family(folder, what, *KINDS), **changes))
    agent.expect("started")
    eventually(lambda: (folder / "first.pid").exists(), within=10)
    return pids(folder, "first", *KINDS)


def printed(folder: Path) -> bytes:
    return (folder / "attempt-1" / "output.log").read_bytes()


def states(known: dict[str, tuple[int, str]]) -> set[bool]:
    entries = [process_table.entry(pid) for pid, _ in known.values()]
    return {entry.stopped for entry in entries if entry is not None}


def test_soft_stop_asks_both_ways(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, python(POLITE)))
        agent.expect("started")
        eventually(lambda: printed(tmp_path) == b"ready\n")
        agent.order("stop", reason="cancelled", grace=10)
        ended = agent.expect("ended", within=5)
        assert (ended["exit_code"], ended["signal"], ended["stopped"]) == (5, None, "cancelled")
        assert ended["tail"] == "ready\nstop file True\n"


def test_who_ignores_a_soft_stop_is_ended_after_the_grace(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        known = run_family(agent, tmp_path, "ignore")
        agent.order("stop", reason="aborted", grace=0.3)
        ended = agent.expect("ended", within=5)
        assert (ended["signal"], ended["stopped"]) == (signal.SIGKILL, "aborted")
        # SIGTERM went to the group: whoever neither ignores it nor left the group nor is stopped was gone
        # before.
        assert int(str(ended["left_over"])) >= len(KINDS) - 1
        assert not living(known)


def test_stop_without_grace_asks_nobody(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        known = run_family(agent, tmp_path, "wait")
        agent.order("stop", reason="memory_guard", grace=0)
        ended = agent.expect("ended", within=5)
        assert (ended["signal"], ended["stopped"], ended["left_over"]) == (signal.SIGKILL, "memory_guard", 5)
        assert not living(known)
        assert not (tmp_path / "stop").exists()


def test_a_second_stop_shortens_the_grace_and_names_the_reason(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        run_family(agent, tmp_path, "ignore")
        agent.order("stop", reason="cancelled", grace=600)
        agent.order("stop", reason="aborted", grace=0)
        assert agent.expect("ended", within=5)["stopped"] == "aborted"


def test_exit_ends_the_task_softly_and_reports_it(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, python(POLITE)))
        agent.expect("started")
        eventually(lambda: printed(tmp_path) == b"ready\n")
        agent.say({"type": "exit", "grace": 10})
        ended = agent.expect("ended", within=5)
        assert (ended["stopped"], ended["exit_code"]) == ("exit", 5)
        assert agent.process.wait(5) == 0


def test_exit_keeps_the_reason_of_a_stop_before(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        run_family(agent, tmp_path, "ignore")
        agent.order("stop", reason="cancelled", grace=600)
        agent.say({"type": "exit", "grace": 0.1})
        assert agent.expect("ended", within=5)["stopped"] == "cancelled"
        assert agent.process.wait(5) == 0


def test_time_limit_that_is_heeded(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        ended = agent.run(python(POLITE), timeout=0.6, grace=10)
        assert (ended["stopped"], ended["exit_code"], ended["signal"]) == ("timeout", 5, None)


def test_time_limit_that_is_ignored(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        known = run_family(agent, tmp_path, "ignore", timeout=0.5, grace=0.2)
        ended = agent.expect("ended", within=8)
        assert (ended["stopped"], ended["exit_code"], ended["signal"]) == ("timeout", None, signal.SIGKILL)
        assert not living(known)
        assert "time limit of 0.5 s reached" in agent.log


def test_suspend_freezes_all_and_resume_lets_go(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        known = run_family(agent, tmp_path, "wait")
        agent.order("suspend")
        assert agent.expect("suspended")["suspended"] is True
        eventually(lambda: states(known) == {True})
        agent.order("resume")
        assert agent.expect("suspended")["suspended"] is False
        eventually(lambda: states(known) == {False})
        assert len(living(known)) == 6


def test_suspended_time_does_not_count_against_the_limit(tmp_path: Path) -> None:
    with Agent(tmp_path, heartbeat=0.2) as agent:
        agent.say(start(tmp_path, python("import time; time.sleep(0.3)"), timeout=0.8, grace=0))
        agent.expect("started")
        agent.order("suspend")
        agent.expect("suspended")
        for _ in range(6):
            agent.expect("heartbeat")
        assert not agent.of("ended")
        agent.order("resume")
        assert (ended := agent.expect("ended"))["stopped"] is None, ended


@pytest.mark.parametrize("grace", [10, 0])
def test_stop_of_a_suspended_task(tmp_path: Path, grace: float) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, python(POLITE)))
        agent.expect("started")
        eventually(lambda: printed(tmp_path) == b"ready\n")
        agent.order("suspend")
        agent.expect("suspended")
        agent.order("stop", reason="cancelled", grace=grace)
        ended = agent.expect("ended", within=5)
        assert ended["stopped"] == "cancelled"
        assert (ended["exit_code"], ended["signal"]) == ((5, None) if grace else (None, signal.SIGKILL))


def test_kill_of_the_agent_reaches_a_suspended_tree(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        known = run_family(agent, tmp_path, "wait")
        agent.order("suspend")
        agent.expect("suspended")
        agent.hang_up()
        eventually(lambda: not living(known) and agent.process.poll() is not None, within=1)


def test_suspend_finds_what_forks_meanwhile(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "while True:\n"
        "    if os.fork() == 0: time.sleep(0.02); os._exit(0)\n"
        "    os.waitpid(-1, os.WNOHANG); time.sleep(0.001)\n"
    )
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, python(code)))
        agent.expect("started")
        eventually(lambda: len(containment.descendants(agent.process.pid)) > 3)
        agent.order("suspend")
        agent.expect("suspended")
        below = containment.descendants(agent.process.pid)
        eventually(lambda: states({str(pid): (pid, "") for pid in below}) == {True})
        assert containment.descendants(agent.process.pid) == below
        agent.order("stop", reason="cancelled", grace=0)
        agent.expect("ended", within=5)
        assert os.path.isdir(f"/proc/{agent.process.pid}")
