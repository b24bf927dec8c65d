"""What a task prints, through a pipe: floods, bytes that are no text, and a sidecar that does not read."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from steelyard.machine import logs
from tests.helpers.waiting import eventually
from tests.process.agent_harness import Agent, python, start


def resident(pid: int) -> int:
    """Bytes of resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_stdout_and_stderr_in_the_order_of_writing(tmp_path: Path) -> None:
    with Agent(tmp_path) as agent:
        agent.run(["sh", "-c", "echo one; echo two >&2; echo three; echo four >&2"])
        assert logs.read_range(str(tmp_path / "attempt-1"), 0, 1000) == b"one\ntwo\nthree\nfour\n"


def test_a_flood_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    # 200 blocks of 1 MB, lines of 20 bytes that carry the number of their block; the last one without its
    # end.
    code = (
        "import sys\n"
        "for n in range(200): sys.stdout.write(f'line {n:014}\\n' * 50_000)\n"
        "sys.stdout.write('the end')\n"
    )
    with Agent(tmp_path) as agent:
        agent.say(start(tmp_path, [sys.executable, "-S", "-c", code]))
        agent.expect("started")
        before = resident(agent.process.pid)
        agent.expect("output")
        most = resident(agent.process.pid)
        ended = agent.expect("ended", within=60)
        assert ended["exit_code"] == 0 and ended["lost"] == 0
        assert max(most, resident(agent.process.pid)) - before < 8_000_000
        assert str(ended["tail"]).endswith("line 00000000000199\nthe end")
        assert len(str(ended["tail"])) == 1000
    folder = str(tmp_path / "attempt-1")
    size = 200_000_007
    assert logs.size(folder) == size == agent.of("output")[-1]["size"]
    assert logs.read_range(folder, 0, 40) == b"line 00000000000000\n" * 2
    assert logs.kept_from(folder, 999_999) == 999_999
    assert size - 35_000_000 <= logs.kept_from(folder, 1_000_000) <= size - 30_000_000
    assert logs.read_range(folder, 180_000_000, 20) == b"line 00000000000180\n"
    kept = sum(path.stat().st_size for path in (tmp_path / "attempt-1").glob("output*.log"))
    assert kept <= 36_000_000


def test_marks_in_a_flood_are_found(tmp_path: Path) -> None:
    code = (
        "import sys, os\n"
        "noise = (b'x' * 99 + b'\\n') * 5000\n"
        "for n in range(40):\n"
        "    os.write(1, noise); os.write(1, b'::steelyard progress %.3f step %d\\n' % (n / 100, n))\n"
        "    if n == 20: os.write(1, b'::steelyard checkpointed\\n')\n"
        "    os.write(1, noise)\n"
    )
    with Agent(tmp_path) as agent:
        agent.run(python(code))
        last = agent.of("progress")[-1]
        assert (last["fraction"], last["message"]) == (0.39, "step 39")
        assert len(agent.of("checkpointed")) == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    raw = b"caf\xe9 \x00\x00 \xff\xfe\xc3\xa9\n"
    with Agent(tmp_path) as agent:
        ended = agent.run(python(f"import os; os.write(1, {raw!r})"))
        assert ended["tail"] == "caf\ufffd  \ufffd\ufffdé\n"
        assert (tmp_path / "attempt-1" / "output.log").read_bytes() == raw


def test_the_last_words_of_a_task_that_ends_at_once(tmp_path: Path) -> None:
    # All of it still lies in the pipe when the process is gone.
    with Agent(tmp_path) as agent:
        for _ in range(5):
            agent.run(python("import os; os.write(1, b'x' * 900_000 + b'last words'); os._exit(3)"))
            log = (tmp_path / "attempt-1" / "output.log").read_bytes()
            assert len(log) == 900_010 and log.endswith(b"last words")
            assert str(agent.messages[-1]["tail"]).endswith("last words")


def test_progress_comes_at_most_four_times_a_second_and_the_last_one_always(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "for n in range(101):\n"
        "    print(f'::steelyard progress {n / 100} step {n}', flush=True); time.sleep(0.01)\n"
    )
    with Agent(tmp_path) as agent:
        began = time.monotonic()
        agent.run(python(code))
        most = 4 * (time.monotonic() - began) + 2
        told = [float(str(message["fraction"])) for message in agent.of("progress")]
        assert told == sorted(told) and told[-1] == 1.0
        assert 2 <= len(told) <= most


def test_a_task_that_closes_its_output_runs_on(tmp_path: Path) -> None:
    code = (
        "import os, time; os.write(1, b'bye'); os.close(1); os.close(2); time.sleep(0.3); "
        "open('done', 'w').close()"
    )
    with Agent(tmp_path) as agent:
        ended = agent.run(python(code))
        assert (ended["exit_code"], ended["tail"]) == (0, "bye")
        assert (tmp_path / "done").exists()


def test_a_sidecar_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    # More messages than the pipe holds: the agent goes on, ends its task, and says so once it is heard.
    code = (
        "import sys, time\n"
        "for n in range(400):\n"
        "    print(f'::steelyard progress {n / 400} ' + 'm' * 180, flush=True); time.sleep(0.001)\n"
    )
    with Agent(tmp_path, heartbeat=0.001) as agent:
        agent.expect("ready")
        agent.say(start(tmp_path, python(code)))
        eventually(lambda: "task t1 attempt 1: ended" in agent.log, within=20)
        grown = resident(agent.process.pid)
        # 64 KiB of heartbeats fill the pipe within moments.
        seen = time.monotonic() + 3
        eventually(lambda: time.monotonic() > seen)
        assert resident(agent.process.pid) - grown < 1_000_000
        ended = agent.expect("ended")
        assert ended["exit_code"] == 0
        kinds = [message["type"] for message in agent.messages]
        assert kinds.index("started") < kinds.index("ended")
        agent.say({"type": "exit", "grace": 0})
        assert agent.process.wait(5) == 0


def test_a_catastrophic_pattern_does_not_hold_the_agent_up(tmp_path: Path) -> None:
    code = "import time; print('a' * 200 + '!'); time.sleep(0.2); print('::steelyard progress 0.5 half')"
    with Agent(tmp_path, heartbeat=0.1) as agent:
        ended = agent.run(python(code), pattern=r"(a+)+$")
        assert ended["exit_code"] == 0
        assert "is given up" in agent.log
        # With the pattern out of use the other ways count again.
        assert agent.of("progress")[-1]["fraction"] == 0.5


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    # /dev/full stands where the log should be: every write fails as on a full disk.
    (tmp_path / "attempt-1").mkdir()
    (tmp_path / "attempt-1" / "output.log").symlink_to("/dev/full")
    with Agent(tmp_path) as agent:
        ended = agent.run(python("print('x' * 99 + '\\n', end='')"))
        assert (ended["exit_code"], ended["lost"]) == (0, 100)
        assert str(ended["tail"]) == "x" * 99 + "\n"
        assert "output of the task is lost: No space left on device" in agent.log
