"""Short runs of a function that share one warm process: with a real agent and real processes."""

from __future__ import annotations

import signal

import pytest

from steelyard.machine import containment, identity, logs
from tests.helpers.waiting import eventually
from tests.process.warm_runs import Runs


def test_twenty_runs_share_one_process(runs: Runs) -> None:
    for number in range(1, 21):
        ended = runs.run("count")
        assert (ended["exit_code"], ended["signal"], ended["stopped"]) == (0, None, None)
        assert (ended["tail"], ended["left_over"], ended["warm"]) == (f"run {number} of t{number}\n", 0, True)
        assert runs.output() == f"run {number} of t{number}\n"
        assert (runs.folder / f"t{number}" / "output" / "result.json").read_text() == f"{number}\n"
    assert len(runs.pids) == 20 and len(set(runs.pids)) == 1
    assert len({message["identity"] for message in runs.agent.of("started")}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"key": "another"},
        {"environment": {"PYTHONHASHSEED": "1"}},
        {"function": "environment"},
        {"memory": 1_000_000},
        {"attempt": 2},
    ],
)
def test_what_differs_has_a_process_of_its_own(runs: Runs, change: dict[str, object]) -> None:
    runs.run("count", "a")
    first = runs.pid, identity.identity_of(runs.pid)
    runs.run(**{"function": "count", "key": "a", **change})  # type: ignore[arg-type]
    assert runs.pid != first[0]
    assert identity.identity_of(first[0]) is None


def test_the_process_of_a_second_attempt_serves_first_ones(runs: Runs) -> None:
    runs.run("count", attempt=2)
    assert runs.run("count")["tail"] == "run 2 of t2\n"


def test_a_task_without_reuse_ends_the_warm_process(runs: Runs) -> None:
    runs.run("count")
    assert runs.agent.run(["true"])["exit_code"] == 0
    assert "warm" not in runs.agent.messages[-1]
    assert identity.identity_of(runs.pids[0]) is None
    runs.run("count")
    assert len(set(runs.pids)) == 3


def test_nothing_of_an_attempt_stays_in_the_environment(runs: Runs) -> None:
    first: dict[str, str | None] = {"STEELYARD_EXTRA": "old"}
    second: dict[str, str | None] = {"STEELYARD_EXTRA": None, "STEELYARD_ATTEMPT": "2"}
    runs.run("environment", environment=first)
    runs.run("environment", environment=second)
    assert runs.pids[0] == runs.pids[1]
    assert "t1 1 old None None" in runs.output(1)
    # What the function itself put there (LEFT) or took away (TAKEN) is as it was.
    assert "t2 2 None None None" in runs.output(2)
    assert f"{runs.folder}/work stdin=''" in runs.output(1) and f"{runs.folder}/work" in runs.output(2)


def test_output_that_imitates_the_marks_is_only_output(runs: Runs) -> None:
    ended = runs.run("imitate")
    assert (ended["exit_code"], ended["warm"]) == (0, True)
    text = runs.output()
    assert text.count("::steelyard end") == 3 and text.endswith("still here")
    # The marks themselves are nobody's output.
    assert text.count("::steelyard begin") == 1
    runs.run("count")
    assert runs.output() == "run 1 of t2\n"


@pytest.mark.parametrize(
    ("function", "exit_code", "says", "warm"),
    [
        ("fails", 1, "ArithmeticError: negative steel\n", True),
        ("leaves_with_7", 7, "", True),
        ("leaves_with_words", 1, "no steel\n", True),
        ("leaves_with_minus_1", 255, "", True),
        ("leaves", 0, "", True),
        ("exits_hard", 3, "before\n", False),
        ("missing", 1, "AttributeError", True),
        ("closes_stdout", 0, "", False),
        ("closes_all_descriptors", 0, "", False),
        ("redirects", 0, "", False),
        ("replaces_stdout", 0, "", False),
        ("interrupts_itself", None, "KeyboardInterrupt", False),
    ],
)
def test_how_a_run_ends(runs: Runs, function: str, exit_code: int | None, says: str, warm: bool) -> None:
    ended = runs.run(function, "k")
    assert ended["exit_code"] == exit_code
    assert ended["signal"] == (signal.SIGINT if exit_code is None else None)
    assert says in str(ended["tail"])
    assert (ended["warm"], ended["left_over"], ended["error"]) == (warm, 0, None)
    assert (identity.identity_of(runs.pid) is not None) == warm
    assert runs.run(function, "k")["exit_code"] == exit_code
    assert (runs.pids[0] == runs.pids[1]) == warm
    # And an honest run after either has its own output alone.
    runs.run("count", "k2")
    assert runs.output() == "run 1 of t3\n"


def test_a_handler_and_an_alarm_end_with_their_run(runs: Runs) -> None:
    assert runs.run("sets_handler")["warm"] is True
    ended = runs.run("sets_handler")
    assert (ended["exit_code"], ended["tail"]) == (0, "default True\n")
    assert runs.pids[0] == runs.pids[1]


@pytest.mark.parametrize("function", ["leaves_child", "leaves_daemon", "leaves_fork_that_returns"])
def test_what_a_run_leaves_behind_is_ended_and_the_process_with_it(runs: Runs, function: str) -> None:
    ended = runs.run(function)
    assert ended["exit_code"] == 0
    assert containment.descendants(runs.agent.process.pid) == []
    if function != "leaves_fork_that_returns":
        assert (ended["left_over"], ended["warm"]) == (1, False)
    runs.run("count")
    assert runs.output() == "run 1 of t2\n"
    assert runs.pids[0] != runs.pids[1]


def test_threads_end_the_process_in_pythons_own_way(runs: Runs) -> None:
    # As in a process of its own: the thread is waited for, the daemon is not, atexit runs.
    ended = runs.run("leaves_thread")
    assert (ended["exit_code"], ended["warm"]) == (0, False)
    assert ended["tail"] == "thread\natexit\n"
    ended = runs.run("leaves_daemon_thread")
    assert (ended["exit_code"], ended["warm"], ended["left_over"]) == (0, False, 0)
    assert "late" not in runs.output()


def test_output_of_a_run_never_lands_in_the_next(runs: Runs) -> None:
    for number in range(1, 11):
        ended = runs.run("prints_without_end")
        # Python's buffer, C's buffer, raw: all of it, and nothing of another run.
        assert runs.output() == f"raw {number} buffered {number} c {number} ", ended
    assert len(set(runs.pids)) == 1


def test_a_flood_ends_where_its_run_ends(runs: Runs) -> None:
    for number in (1, 2, 3):
        runs.run("floods")
        text = logs.read_range(str(runs.folder / f"t{number}"), 0, 10_000_000).decode()
        assert len(text) == 3_000_000 and set(text) == {str(number)}
    assert len(set(runs.pids)) == 1


def test_a_process_that_prints_between_runs_is_ended(runs: Runs) -> None:
    runs.run("prints_later")
    eventually(lambda: identity.identity_of(runs.pid) is None)
    runs.run("count", "prints_later")
    assert runs.output() == "run 1 of t2\n"
    assert "late" not in runs.output(1)


def test_progress_begins_anew(runs: Runs) -> None:
    runs.run("tells_progress")
    runs.run("tells_progress")
    told = [(message["task_id"], message["fraction"]) for message in runs.agent.of("progress")]
    assert told == [("t1", 0.75), ("t2", 0.75)]
    assert [message["task_id"] for message in runs.agent.of("checkpointed")] == ["t1", "t2"]


def test_cpu_and_peak_are_the_attempts_own(runs: Runs) -> None:
    busy = runs.run("works", environment={"STEELYARD_BUSY": "0.4", "STEELYARD_LARGE": "80"})
    calm = runs.run("works", environment={"STEELYARD_BUSY": "0", "STEELYARD_LARGE": "0"})
    assert runs.pids[0] == runs.pids[1]
    assert float(str(busy["cpu_seconds"])) >= 0.4
    assert float(str(calm["cpu_seconds"])) < 0.1
    assert int(str(busy["peak_memory"])) > 80_000_000
    assert calm["peak_memory"] is None or int(str(calm["peak_memory"])) < 60_000_000


def test_a_process_that_holds_much_is_not_kept(runs: Runs) -> None:
    ended = runs.run("holds", memory=200_000_000)
    assert (ended["exit_code"], ended["warm"]) == (0, False)
    assert "it holds too much memory" in runs.agent.log
    assert runs.run("holds", memory=1_000_000_000)["warm"] is True


def test_edited_code_is_run_and_not_what_was_imported(runs: Runs) -> None:
    runs.run("count")
    (runs.folder / "work" / "model.py").write_text("def count(): print('new text')\n")
    assert runs.run("count")["tail"] == "new text\n"
    assert runs.pids[0] != runs.pids[1]
    assert runs.run("count")["warm"] is True


def test_no_python_no_directory(runs: Runs) -> None:
    runs.run("count")
    ended = runs.run("count", directory="/no/such/directory")
    assert "does not exist" in str(ended["error"])
    assert runs.run("count")["exit_code"] == 0
