"""Warm processes that are killed, stopped, cancelled, suspended or left behind, between runs and in one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from steelyard.machine import identity, process_table
from tests.helpers.waiting import eventually
from tests.process.agent_harness import Agent
from tests.process.warm_runs import Runs


def test_kill_in_the_midst_is_the_end_of_that_attempt_only(runs: Runs) -> None:
    runs.run("count", "k")
    runs.begin("waits", "other")
    runs.agent.expect("started")
    eventually(lambda: runs.output() == "waiting\n")
    os.kill(runs.pid, signal.SIGKILL)
    ended = runs.agent.expect("ended")
    assert (ended["exit_code"], ended["signal"], ended["stopped"]) == (None, signal.SIGKILL, None)
    assert ended["warm"] is False
    assert runs.run("count", "k")["exit_code"] == 0


def test_kill_of_a_second_run(runs: Runs) -> None:
    runs.run("waits_from_the_second_on")
    runs.begin("waits_from_the_second_on")
    runs.agent.expect("started")
    eventually(lambda: runs.output() == "waiting\n")
    os.kill(runs.pid, signal.SIGKILL)
    ended = runs.agent.expect("ended")
    assert (ended["signal"], ended["tail"], ended["peak_memory"]) == (signal.SIGKILL, "waiting\n", None)
    assert 0 <= float(str(ended["cpu_seconds"])) < 0.2
    assert runs.run("waits_from_the_second_on")["exit_code"] == 0
    assert runs.pids[0] == runs.pids[1] != runs.pids[2]


def test_a_warm_process_that_was_killed_is_replaced_without_a_word(runs: Runs) -> None:
    runs.run("count")
    os.kill(runs.pid, signal.SIGKILL)
    # At once: the kill and the next start cross.
    ended = runs.run("count")
    assert (ended["exit_code"], ended["tail"]) == (0, "run 1 of t2\n")
    assert runs.pids[0] != runs.pids[-1]


def test_a_stopped_warm_process_that_dies_before_it_begins(runs: Runs) -> None:
    runs.run("count")
    pid = runs.pid
    os.kill(pid, signal.SIGSTOP)
    number = runs.begin("count")
    eventually(lambda: (runs.folder / f"t{number}").is_dir())
    assert len(runs.agent.of("started")) == 1
    os.kill(pid, signal.SIGKILL)
    ended = runs.agent.expect("ended")
    assert (ended["exit_code"], ended["tail"]) == (0, "run 1 of t2\n")
    assert "did not take it, a fresh one is started" in runs.agent.log
    assert [message["pid"] == pid for message in runs.agent.of("started")] == [True, False]


def test_a_suspended_run_stays_suspended_in_its_fresh_process(runs: Runs) -> None:
    runs.run("count")
    pid = runs.pid
    os.kill(pid, signal.SIGSTOP)
    runs.begin("count")
    runs.agent.say({"type": "suspend", "task_id": "t2", "attempt": 1})
    assert runs.agent.expect("suspended")["suspended"] is True
    os.kill(pid, signal.SIGKILL)
    fresh = int(str(runs.agent.expect("started")["pid"]))
    eventually(lambda: (entry := process_table.entry(fresh)) is not None and entry.stopped)
    assert not [message for message in runs.agent.of("ended") if message["task_id"] == "t2"]
    runs.agent.say({"type": "resume", "task_id": "t2", "attempt": 1})
    assert runs.agent.expect("ended")["tail"] == "run 1 of t2\n"


def test_a_cancel_before_it_begins(runs: Runs) -> None:
    runs.run("count")
    os.kill(runs.pid, signal.SIGSTOP)
    runs.begin("count")
    runs.stop(grace=0)
    ended = runs.agent.expect("ended")
    assert (ended["signal"], ended["stopped"], ended["warm"]) == (signal.SIGKILL, "cancelled", False)
    assert runs.run("count")["tail"] == "run 1 of t3\n"


def test_the_time_limit_ends_the_process(runs: Runs) -> None:
    runs.run("waits_from_the_second_on")
    ended = runs.run("waits_from_the_second_on", timeout=0.5, grace=0.2)
    assert (ended["stopped"], ended["signal"], ended["warm"]) == ("timeout", signal.SIGTERM, False)
    assert identity.identity_of(runs.pid) is None


@pytest.mark.parametrize(("grace", "number"), [(0.0, signal.SIGKILL), (10.0, signal.SIGTERM)])
def test_a_cancel_ends_the_process(runs: Runs, grace: float, number: int) -> None:
    runs.begin("waits")
    runs.agent.expect("started")
    eventually(lambda: runs.output() == "waiting\n")
    runs.stop(grace)
    ended = runs.agent.expect("ended")
    assert (ended["stopped"], ended["signal"], ended["warm"]) == ("cancelled", number, False)


def test_a_soft_stop_that_is_heeded_ends_the_process_too(runs: Runs) -> None:
    runs.begin("heeds")
    runs.agent.expect("started")
    eventually(lambda: runs.output() == "waiting\n")
    runs.stop(10)
    ended = runs.agent.expect("ended")
    assert (ended["stopped"], ended["exit_code"], ended["warm"]) == ("cancelled", 0, False)
    assert ended["tail"] == "waiting\nstopped True\n"
    assert runs.output() == "waiting\n::steelyard checkpointed\nstopped True\n"
    assert identity.identity_of(runs.pid) is None
    # The stop was that run's alone.
    assert runs.run("is_stopping")["tail"] == "False\n"


def test_a_suspended_run_goes_on(runs: Runs) -> None:
    runs.run("waits_a_moment")
    runs.begin("waits_a_moment")
    runs.agent.expect("started")
    fence = {"task_id": "t2", "attempt": 1}
    runs.agent.say({"type": "suspend", **fence})
    assert runs.agent.expect("suspended")["suspended"] is True
    runs.agent.say({"type": "resume", **fence})
    assert runs.agent.expect("suspended")["suspended"] is False
    ended = runs.agent.expect("ended")
    assert (ended["exit_code"], ended["warm"]) == (0, True)
    assert runs.pids[0] == runs.pids[1]


@pytest.mark.parametrize("how", ["kill", "hang up", "terminate"])
def test_the_warm_process_goes_with_its_agent(runs: Runs, how: str) -> None:
    runs.run("count")
    if how == "kill":
        runs.agent.process.kill()
    elif how == "terminate":
        runs.agent.process.terminate()
    else:
        runs.agent.hang_up()
    eventually(lambda: identity.identity_of(runs.pid) is None, within=1.0)
    eventually(lambda: runs.agent.process.poll() is not None, within=1.0)


def test_exit_ends_the_warm_process_in_pythons_own_way(runs: Runs) -> None:
    runs.run("registers_atexit")
    assert not (runs.folder / "work" / "left").exists()
    runs.agent.say({"type": "exit", "grace": 10})
    assert runs.agent.process.wait(5) == 0
    assert (runs.folder / "work" / "left").exists()
    assert identity.identity_of(runs.pid) is None
    assert "ended after 1 runs: the worker leaves" in runs.agent.log


def test_one_that_hangs_at_its_end_is_not_waited_for(runs: Runs) -> None:
    runs.run("hangs_at_exit")
    runs.agent.say({"type": "exit", "grace": 0})
    assert runs.agent.process.wait(3) == 0
    assert identity.identity_of(runs.pid) is None


def test_heartbeats_tell_whether_a_process_is_warm(tmp_path: Path) -> None:
    with Agent(tmp_path, heartbeat=0.05) as agent:
        runs = Runs(tmp_path, agent)
        assert agent.expect("heartbeat")["warm"] is False
        runs.run("count")
        assert agent.expect("heartbeat")["warm"] is True
        os.kill(runs.pid, signal.SIGKILL)
        eventually(lambda: agent.expect("heartbeat")["warm"] is False)
