"""tasks, task, logs, files, simulations, workers and the actions: what they print and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.answers import ended, task
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard

A, B = "aaaa00000001", "bbbb00000002"
WORKER = {
    "worker_id": "3f9a1c20", "pid": 12345, "state": "RUNNING", "heartbeat": "2026-01-15T10:30:00Z",
    "memory": 524288000, "cpu": 115.2, "started_at": "2026-01-15T10:00:00Z", "heartbeat_age": 1.2,
    "stalled": False, "dead": False, "queue": "default", "reason": None, "error_tail": "", "forced": False,
    "tasks_done": 7, "tasks_failed": 0,
    "task": {
        "task_id": A, "simulation": "demo", "label": "net zero", "attempt": 1, "progress": 0.999, "eta": None,
        "checkpoint_at": "2026-01-15T10:12:00.000Z", "unsaved": 1080.4, "suspended": True, "quiet": False,
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def two_tasks(sidecar: FakeSidecar) -> None:
    sidecar.tasks = {
        A: task(A, state="RUNNING", label="[red]net\x1b[31m zero[/red] " + "x" * 300, progress=0.42),
        B: ended(B, "FAILED", "error", exit_code=7, evidence="exit code 7", error_tail="boom\n"),
    }


def test_tasks_in_a_pipe_are_whole_and_plain(steelyard: Steelyard) -> None:
    done = steelyard("tasks")
    assert done.status == 0
    assert "[red]net\ufffd[31m zero[/red] " + "x" * 300 in done.out
    assert "\x1b" not in done.out
    assert "42 %" in done.out
    assert all(line == line.rstrip() for line in done.out.splitlines())


def test_json_is_what_the_server_gave(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    page = json.loads(steelyard("tasks", "--json").out)
    assert page == {"tasks": list(sidecar.tasks.values()), "next": None, "total": 2, "counts": {}}
    assert json.loads(steelyard("task", "aa", "--json").out) == sidecar.tasks[A]
    assert json.loads(steelyard("workers", "list", "--json").out) == sidecar.status()
    assert set(json.loads(steelyard("simulations", "--json").out)) == {"simulations", "errors"}
    assert json.loads(steelyard("simulations", "demo", "--json").out)["name"] == "demo"
    assert json.loads(steelyard("files", A, "--json").out) == {
        "files": [],
        "total": 0,
        "truncated": False,
    }
    assert json.loads(steelyard("cancel", A, "--json").out) == {"status": "success", "task_id": A}
    assert len(json.loads(steelyard("cancel", A, B, "--json").out)) == 2
    assert json.loads(steelyard("workers", "add", "--json").out) == {
        "status": "success",
        "worker_id": "3f9a1c20",
    }


def test_filters_are_the_servers(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert steelyard("tasks", "--state", "running", "--tag", "t", "-q", "net", "--limit", "5").status == 0
    assert sidecar.sent("GET")[-1][0] == "/api/tasks/?state=RUNNING&tag=t&q=net&limit=5"
    assert steelyard("tasks", "--state", "FAILED", "--ids").out == f"{B}\n"


def test_several_states_at_once(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    steelyard("tasks", "--state", "ready, Running")
    assert "state=READY%2CRUNNING" in sidecar.requests[-1][1]
    done = steelyard("tasks", "--state", "READY,lost")
    assert done.status == 2 and "'LOST' is no state; there are READY, RUNNING" in done.err


def test_no_tasks_is_an_empty_pipe(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks = {}
    assert steelyard("tasks") == (0, "", "")


def test_a_task_with_its_attempts(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("task", "bb")
    assert done.status == 0
    for part in (
        B,
        "FAILED  error",
        "1.0 GiB (simulation)",
        "error: exit code 7",
        "attempt 1 of 3",
        "5 min",
        "boom",
    ):
        assert part in done.out
    assert "Not saved" not in done.out
    sidecar.tasks[A] |= {"checkpoint_at": "2026-01-15T10:12:00.000Z", "unsaved": 1080.4}
    assert "18 min of work, lost if it ends now" in steelyard("task", "aa").out
    assert steelyard("task", "cc").status == 1


def test_an_action_on_several_does_what_it_can(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("retry", "aa", "cc", B)
    assert done.status == 1
    assert done.out == f"{A} queued again\n{B} queued again\n"
    assert "no task id begins with 'cc' [not_found]" in done.err
    for verb in ("cancel", "suspend", "resume"):
        assert steelyard(verb, "aa").status == 0
    assert [path for path, _ in sidecar.sent("POST")][-3:] == [
        f"/api/tasks/{A}/{verb}/" for verb in ("cancel", "suspend", "resume")
    ]


def test_all_tasks_of_a_sweep_in_one_request(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    for one in sidecar.tasks.values():
        one["sweep_id"] = "5eeb00000000"
    for verb, done in (("cancel", "cancelled"), ("retry", "queued again")):
        assert steelyard(verb, "--sweep", "5ee").out == f"2 tasks of sweep 5eeb00000000 {done}\n"
        assert sidecar.sent("POST")[-1][0] == f"/api/sweeps/5eeb00000000/{verb}/"
        assert "sweep_id" in json.loads(steelyard(verb, "--sweep", "5ee", "--json").out)
        assert steelyard(verb).status == 2


def test_what_a_task_took_is_no_matter_of_the_wall_clock(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks[B] |= {"finished_at": "2026-01-14T04:00:00.000Z"}
    sidecar.tasks[B]["attempts"][0] |= {"finished_at": "2026-01-14T04:00:00.000Z", "seconds": 125.0}
    shown = steelyard("task", "bb").out
    assert "took 2 min 5 s" in shown and shown.count("2 min 5 s") == 2 and "-1 d" not in shown


def test_a_retry_takes_along_what_was_rejected(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.retried = [A, B, "cccc00000003"]
    done = steelyard("retry", "aa", "--with-dependents")
    assert done.out == f"{A} and 2 tasks that depend on it queued again\n"
    assert sidecar.sent("POST")[-1] == (f"/api/tasks/{A}/retry/", {"with_dependents": True})


def test_logs(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.logs[B] = b"one\ntwo\x1b[31m\nthree\n"
    assert steelyard("logs", "bb").out == "one\ntwo\x1b[31m\nthree\n"
    assert steelyard("logs", "bb", "--tail", "1").out == "three\n"
    assert steelyard("logs", "bb", "--tail", "0").out == ""
    assert steelyard("logs", "bb", "-f", "--tail", "1").out == "three\n"
    assert steelyard("logs", "bb", "-f").out == "one\ntwo\x1b[31m\nthree\n"
    assert json.loads(steelyard("logs", "bb", "--json").out)["text"] == "one\ntwo\x1b[31m\nthree\n"
    lines = steelyard("logs", "bb", "-f", "--json").out.splitlines()
    assert "".join(json.loads(line)["text"] for line in lines) == "one\ntwo\x1b[31m\nthree\n"


def test_output_that_was_not_kept_is_told(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.logs[B] = b"head " + b"." * 50 + b"tail\n"
    sidecar.lost = range(5, 55)
    for options in ([], ["-f"]):
        assert steelyard("logs", "bb", *options) == (
            0,
            "head tail\n",
            "... 50 B of output were not kept ...\n",
        )


def test_the_last_lines_are_looked_for_as_far_as_need_be(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.logs[B] = b"first\n" + b"x" * 50_000 + b"\nlast\n"
    assert steelyard("logs", "bb", "--tail", "2").out == "x" * 50_000 + "\nlast\n"


def test_files_are_listed_and_downloaded(sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path) -> None:
    sidecar.files["cost.csv"] = b"a,b\n"
    assert "cost.csv   4 B" in steelyard("files", "bb").out
    folder = tmp_path / "out"
    assert steelyard("files", "bb", "--to", str(folder)).out == f"{folder / 'cost.csv'}\n"
    assert (folder / "cost.csv").read_bytes() == b"a,b\n"


def test_some_files_of_an_attempt(sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path) -> None:
    sidecar.files |= {"cost.csv": b"a,b\n", "result.json": b"{}"}
    done = steelyard("files", "bb", "result.json", "--attempt", "1", "--to", str(tmp_path))
    assert (done.status, done.out) == (0, f"{tmp_path / 'result.json'}\n")
    assert [path.name for path in tmp_path.glob("*.*")] == ["result.json"]
    listed = json.loads(steelyard("files", "bb", "cost.csv", "--json").out)["files"]
    assert [file["name"] for file in listed] == ["cost.csv"]
    for wrong in (["nothing.csv"], ["--attempt", "2"], ["cost.csv", "--attempt", "2"]):
        done = steelyard("files", "bb", *wrong)
        assert done.status == 1 and "There is no file" in done.err and "[not_found]" in done.err


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:x", "a\\b", "", "."])
def test_a_files_name_cannot_lead_out_of_the_folder(
    sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path, name: str
) -> None:
    sidecar.files[name] = b"evil"
    done = steelyard("files", "bb", "--to", str(tmp_path / "out"))
    assert done.status == 1 and "leads out of" in done.err
    assert not list(tmp_path.rglob("x"))


def test_workers(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert "Workers" in steelyard("workers", "list").out
    sidecar.workers = [WORKER]
    out = steelyard("workers", "list").out
    for part in (
        "3f9a1c20",
        "RUNNING",
        "500 MiB",
        "115 %",
        "1 s ago",
        f"{A} net zero, 99 %, 18 min since its last checkpoint, suspended",
    ):
        assert part in out
    for part in (
        "1 active, 4 admitted now: room for 3 more of 8.0 GiB; memory is what limits",
        "40.0 GiB of 64.0 GiB",
        "3 pending",
    ):
        assert part in out
    assert steelyard("workers", "add").out == "3f9a1c20\n"
    done = steelyard("workers", "add", "--count", "3", "--force")
    assert (done.out, done.err[:25]) == ("3f9a1c20\n77b0aa00\n", "2 of 3 workers were admit")
    assert sidecar.sent("POST")[-1][1] == {"count": 3, "force": True}
    assert steelyard("workers", "drain").out == "3f9a1c20 is draining\n"
    assert steelyard("workers", "drain", "3f").out == "3f9a1c20 is draining\n"
    assert steelyard("workers", "log", "3f").out == "started\n"
    assert steelyard("workers", "cleanup").out == "2 taken off the list\n"


def test_a_worker_is_not_aborted_without_a_yes(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.workers = [WORKER]
    done = steelyard("workers", "abort", "3f")
    assert done.status == 1 and "[confirmation_required]" in done.err
    assert steelyard("workers", "abort", "3f", "--yes").out == "3f9a1c20 is aborted\n"
    assert [body for _, body in sidecar.sent("POST")] == [{"confirm": False}, {"confirm": True}]


def test_no_room_for_a_worker_is_1_with_figures(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.refuse("/api/workers/add/", 409, "insufficient_memory", "No room.", need=2**33, headroom=2**30)
    assert steelyard("workers", "add").err == (
        "error: No room. [insufficient_memory]\n  headroom 1.0 GiB\n  need 8.0 GiB\n"
        "--force would start it all the same, at the risk of a crash.\n"
    )
    sidecar.refuse("/api/workers/add/", 409, "at_capacity", "Four are there.")
    assert steelyard("workers", "add").err == "error: Four are there. [at_capacity]\n"
    sidecar.refuse("/api/startup/", 409, "insufficient_memory", "No room.", need=2**33, headroom=2**30)
    assert "--force" not in steelyard("startup", "start").err


def test_simulations(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.errors = [{"file": "/x/bad.toml", "line": 3, "message": "expected a size"}]
    done = steelyard("simulations")
    assert "demo" in done.out and done.err == "/x/bad.toml, line 3: expected a size\n"
    out = steelyard("simulations", "demo").out
    for part in (
        "integer, 2020 to 2050",
        "required",
        "slow, fast, 3",
        '"base"',
        "Last year",
        "1 h",
        "1.0 GiB",
    ):
        assert part in out
    sidecar.learned = {"claim": 2**30, "peak": 2**29, "runs": 12}
    out = steelyard("simulations", "demo").out
    assert "1.0 GiB; the 12 runs seen took 512 MiB at most" in out and "Usually takes  1 min 30 s" in out
