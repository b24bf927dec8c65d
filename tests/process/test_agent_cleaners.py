"""What a run leaves has a moment to clean up: resource trackers, launchers, whatever works after the end."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine import containment
from tests.helpers.waiting import eventually
from tests.process.agent_harness import Agent, Message, family, living, pids, python, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="segments are files in /dev/shm here")

PROGRAM = str(Path(__file__).with_name("leaves_segment.py"))
SHM = Path("/dev/shm")


@pytest.fixture
def name() -> Iterator[str]:
    """Of a segment of this test's own."""
    made = f"steelyard-test-{uuid.uuid4().hex}"
    yield made
    (SHM / made).unlink(missing_ok=True)


def printed(folder: Path) -> str:
    path = folder / "attempt-1" / "output.log"
    return path.read_text() if path.exists() else ""


def begin(agent: Agent, folder: Path, argv: list[str], **changes: object) -> None:
    agent.say(start(folder, argv, **changes))
    agent.expect("started")
    eventually(lambda: "all there" in printed(folder), within=20)


@pytest.mark.parametrize(("how", "code"), [("ok", 0), ("crash", 1), ("exit", 3)])
def test_a_segment_goes_with_the_run_that_forgot_it(tmp_path: Path, name: str, how: str, code: int) -> None:
    with Agent(tmp_path) as agent:
        ended = agent.run([sys.executable, PROGRAM, how, name])
        assert (ended["exit_code"], ended["stopped"]) == (code, None)
        assert not (SHM / name).exists(), agent.log
        if how == "crash":
            # The tracker warns on the same pipe, and should not drive out what the model said.
            assert "RuntimeError: diverged in year 2031\n" in str(ended["tail"])
            assert "leaked shared_memory" in printed(tmp_path)


@pytest.mark.parametrize("reason", ["cancelled", "timeout"])
def test_a_segment_goes_with_a_run_that_is_stopped(tmp_path: Path, name: str, reason: str) -> None:
    with Agent(tmp_path) as agent:
        limit = {"timeout": 1.5, "grace": 10} if reason == "timeout" else {}
        begin(agent, tmp_path, [sys.executable, PROGRAM, "wait", name], **limit)
        if reason == "cancelled":
            agent.order("stop", reason=reason, grace=10)
        ended = agent.expect("ended", within=20)
        assert (ended["stopped"], ended["signal"]) == (reason, signal.SIGTERM)
        assert not (SHM / name).exists(), agent.log


@pytest.mark.parametrize("how", ["wait", "grow"])
@pytest.mark.parametrize("reason", ["memory_guard", "aborted", "cancelled"])
@pytest.mark.parametrize("suspended", [False, True])
def test_a_hard_end_leaves_the_tracker_its_second(
    tmp_path: Path, name: str, reason: str, how: str, suspended: bool
) -> None:
    with Agent(tmp_path) as agent:
        begin(agent, tmp_path, [sys.executable, PROGRAM, how, name])
        if suspended:
            agent.order("suspend")
            agent.expect("suspended")
        agent.order("stop", reason=reason, grace=0)
        assert agent.expect("ended", within=20)["stopped"] == reason
        assert not (SHM / name).exists(), agent.log
        assert containment.descendants(agent.process.pid) == []


def test_a_kill_from_outside_leaves_the_tracker_its_second(tmp_path: Path, name: str) -> None:
    with Agent(tmp_path) as agent:
        begin(agent, tmp_path, [sys.executable, PROGRAM, "grow", name])
        os.kill(int(str(agent.of("started")[0]["pid"])), signal.SIGKILL)
        ended = agent.expect("ended", within=20)
        assert (ended["stopped"], ended["signal"]) == (None, signal.SIGKILL)
        assert not (SHM / name).exists(), agent.log


def test_the_agent_answers_while_it_waits_for_the_deaf(tmp_path: Path) -> None:
    with Agent(tmp_path, heartbeat=0.05) as agent:
        agent.say(start(tmp_path, family(tmp_path, "exit", "stubborn", "plain")))
        eventually(lambda: (tmp_path / "first.pid").exists(), within=10)
        first = int((tmp_path / "first.pid").read_text())
        eventually(lambda: not os.path.exists(f"/proc/{first}"), within=10)
        known = pids(tmp_path, "stubborn")
        agent.order("suspend")
        agent.order("stop", reason="cancelled", grace=10)
        agent.messages.clear()
        ended = agent.expect("ended")
        assert len(agent.of("heartbeat")) >= 5
        assert [message["suspended"] for message in agent.of("suspended")] == [False]
        # What comes after the first process has ended changes nothing of how it ended.
        assert (ended["exit_code"], ended["stopped"], ended["left_over"]) == (0, None, 2)
        assert not living(known) and ", 1 were ended after " in agent.log


@pytest.mark.parametrize("order", ["aborted", "memory_guard", "exit"])
def test_a_later_word_makes_it_quicker(tmp_path: Path, order: str) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, family(tmp_path, "exit", "stubborn")))
        eventually(lambda: (tmp_path / "first.pid").exists(), within=10)
        first = int((tmp_path / "first.pid").read_text())
        eventually(lambda: not os.path.exists(f"/proc/{first}"), within=10)
        if order == "exit":
            agent.say({"type": "exit", "grace": 0})
        else:
            agent.order("stop", reason=order, grace=0)
        ended = agent.expect("ended")
        assert (ended["exit_code"], ended["stopped"]) == (0, None)
        assert float(str(ended["lingered"])) < 1.9
        if order == "exit":
            assert agent.process.wait(5) == 0


@pytest.mark.parametrize("how", ["hang up", "terminate"])
def test_nobody_is_waited_for_when_the_agent_goes(tmp_path: Path, how: str) -> None:
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, family(tmp_path, "exit", "stubborn", "daemon")))
        eventually(lambda: (tmp_path / "first.pid").exists(), within=10)
        first = int((tmp_path / "first.pid").read_text())
        eventually(lambda: not os.path.exists(f"/proc/{first}"), within=10)
        known = pids(tmp_path, "stubborn")
        assert known
        agent.hang_up() if how == "hang up" else agent.process.terminate()
        eventually(lambda: not living(known) and agent.process.poll() is not None, within=1.0)


AFTER_THE_END = """
import os, signal, sys, time
if os.fork() == 0:
    def late(*_):
        {late}
        os._exit(0)
    signal.signal(signal.SIGTERM, late)
    open("ready", "w").close()
    while True: time.sleep(60)
while not os.path.exists("ready"): time.sleep(0.002)
{own}
print("the model's last words", flush=True)
"""


def after_the_end(agent: Agent, late: str, own: str = "pass") -> Message:
    return agent.run(python(AFTER_THE_END.format(late=late, own=own)))


def test_what_a_child_prints_at_its_end_is_kept_and_is_not_the_last_word(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        ended = after_the_end(agent, "print('::steelyard progress 0.5'); print('KeyError: 7', flush=True)")
        assert ended["tail"] == "the model's last words\n"
        assert printed(tmp_path).endswith("KeyError: 7\n")
        assert not agent.of("progress")


def test_a_child_that_forks_at_its_end_is_heard_out_and_then_ended(tmp_path: Path) -> None:
    """What it starts then is perhaps what cleans up, and is not asked to go in the same breath."""
    late = "os.system('sleep 0.2; echo cleaned > cleaned')"
    with Agent(tmp_path) as agent:
        ended = after_the_end(agent, late)
        assert (tmp_path / "cleaned").exists()
        assert ended["left_over"] == 1 and ", 0 were ended after " in agent.log


def test_a_flood_from_a_child_stops_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w').close()\n"
        "    while True: os.write(1, b'y\\n' * 1000)\n"
        "while not os.path.exists('deaf'): pass\n"
        "os.write(1, b'the end\\n'); os._exit(5)\n"
    )
    with Agent(tmp_path, heartbeat=0.05) as agent:
        ended = agent.run(python(code))
        assert ended["exit_code"] == 5 and ", 1 were ended after " in agent.log
        assert len(agent.of("heartbeat")) >= 5


def test_who_was_asked_with_the_run_is_not_asked_twice(tmp_path: Path) -> None:
    """A second SIGTERM in the midst of the first one's work spoils it: mpirun takes it for impatience."""
    code = (
        "import os, signal, time\n"
        "child = os.fork()\n"
        "def asked(*_):\n"
        "    if child: os._exit(0)\n"
        "    open('asked', 'a').write('x'); time.sleep(0.5); open('asked', 'a').write('.'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, asked)\n"
        "if not child: open('ready', 'w').close()\n"
        "while child and not os.path.exists('ready'): time.sleep(0.002)\n"
        "if child: print('all there', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    with Agent(tmp_path) as agent:
        begin(agent, tmp_path, python(code))
        agent.order("stop", reason="cancelled", grace=10)
        ended = agent.expect("ended")
        assert (ended["exit_code"], ended["stopped"]) == (0, "cancelled")
        assert (tmp_path / "asked").read_text() == "x."


def test_a_run_without_children_waits_for_nobody(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        ended = agent.run(python("print('done')"))
        assert ended["left_over"] == 0 and "lingered" not in ended
