"""sweeps, results, events, system, samples, completion and workers watch: what they print."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from typing import Any

import pytest

from steelyard.cli import worker_watch
from steelyard.cli.output import Output
from steelyard.cli.session import Session
from steelyard.client import Client
from steelyard.machine.clocks import SystemClocks
from tests.fakes.answers import ended, task
from tests.fakes.sidecar import TOKEN, FakeSidecar
from tests.unit.cli.conftest import Steelyard

SWEEP = "5eeb00000000"


@pytest.fixture
def swept(sidecar: FakeSidecar) -> list[dict[str, Any]]:
    """A sweep of three tasks, as the list has them: the newest first."""
    mine = {"sweep_id": SWEEP}
    done = ended("1" * 12, result=None) | mine
    done |= {"parameters": {"case": "a,b", "year": 2030}, "result": {"cost": {"total": 1.5}, "ok": True}}
    failed = ended("2" * 12, "FAILED", "error") | mine | {"parameters": {"case": "c", "year": 2030}}
    waits = task("3" * 12, parameters={"case": ["x"], "year": 2030}) | mine
    other = ended("4" * 12)
    tasks = [waits, failed, done]
    sidecar.tasks = {one["task_id"]: one for one in [other, *tasks]}
    return tasks


@pytest.mark.usefixtures("swept")
def test_results_are_parameters_against_numbers(steelyard: Steelyard) -> None:
    done = steelyard("results", SWEEP)
    assert done.status == 0
    assert [line.split() for line in done.out.splitlines()] == [
        ["Task", "case", "State", "Took", "Peak", "cost.total"],
        ["1" * 12, "a,b", "SUCCEEDED", "5", "min", "–", "1.5"],
        ["2" * 12, "c", "FAILED", "5", "min", "–", "–"],
        ["3" * 12, '["x"]', "READY", "–", "–", "–"],
    ]
    rows = list(csv.DictReader(io.StringIO(steelyard("results", SWEEP, "--csv").out)))
    assert [row["case"] for row in rows] == ["a,b", "c", '["x"]']
    assert rows[0]["cost.total"] == "1.5" and rows[2]["cost.total"] == "" and rows[0]["seconds"] == "300.0"
    found = json.loads(steelyard("results", SWEEP, "--json").out)
    assert found["sweep_id"] == SWEEP and [one["state"] for one in found["results"]][-1] == "READY"


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("given", ["6eeb", ""])
def test_a_sweep_that_is_not_there(sidecar: FakeSidecar, steelyard: Steelyard, given: str) -> None:
    for command in (["results", given], ["sweeps", "show", given], ["cancel", "--sweep", given]):
        done = steelyard(*command)
        assert done.status == 1 and f"There is no sweep {given}. [not_found]" in done.err
    assert not sidecar.sent("POST")


@pytest.mark.usefixtures("swept")
def test_the_id_of_a_sweep_may_be_cut(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    for command in (["results", "5ee"], ["sweeps", "show", "5ee"], ["tasks", "--sweep", "5ee"]):
        done = steelyard(*command)
        assert done.status == 0 and ("1" * 12 in done.out or SWEEP in done.out)
        assert "4" * 12 not in done.out
    sidecar.tasks["4" * 12]["sweep_id"] = "5eef00000000"
    done = steelyard("results", "5ee")
    assert done.status == 1 and f"several sweeps begin with '5ee': {SWEEP}, 5eef00000000" in done.err


@pytest.mark.usefixtures("swept")
def test_sweeps_are_listed_and_shown(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert (
        steelyard("sweeps", "list")
        .out.splitlines()[1]
        .startswith(f"{SWEEP}  demo            3  66 %  1 ready, 1 succeeded, 1 failed")
    )
    sidecar.tasks["4" * 12]["sweep_id"] = "5eef00000000"
    assert len(json.loads(steelyard("sweeps", "list", "--json").out)["sweeps"]) == 2
    assert len(json.loads(steelyard("sweeps", "list", "--json", "--limit", "1").out)["sweeps"]) == 1
    shown = steelyard("sweeps", "show", SWEEP, "--json")
    assert json.loads(shown.out)["states"] == {"READY": 1, "SUCCEEDED": 1, "FAILED": 1}
    assert "3: 1 ready, 1 succeeded, 1 failed" in steelyard("sweeps", "show", SWEEP).out


def test_showing_a_sweep_may_wait_for_its_end(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    made = [ended(f"{n:012x}") | {"sweep_id": SWEEP, "parameters": {"n": n}} for n in (2, 1)]
    sidecar.tasks = {one["task_id"]: one for one in made}
    done = steelyard("sweeps", "show", SWEEP, "--wait")
    assert done.status == 0 and "2 of 2 (2 succeeded)" in done.err
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [[f"{n:012x}", str(n)] for n in (1, 2)]


def test_events_are_lines(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    def event(seq: int, kind: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"seq": seq, "at": "2026-01-15T10:00:00Z", "kind": kind, "subject": subject, "data": data}

    failed = ended("a" * 12, "FAILED", "error", exit_code=1) | {"label": "net\x1b[31m zero"}
    sidecar.events = [
        event(4700, "task", "a" * 12, failed),
        event(4710, "worker", "3f9a1c20", {"state": "DEAD", "reason": "drained"}),
        event(4711, "prompt", "preferences", {"text": "It was set aside."}),
    ]
    lines = steelyard("events").out.splitlines()
    assert lines == [
        f"  4700  2026-01-15T10:00:00Z  task    {'a' * 12}  FAILED  (error)  attempt 1  net\ufffd[31m zero",
        "  4710  2026-01-15T10:00:00Z  worker  3f9a1c20  DEAD  drained",
        "  4711  2026-01-15T10:00:00Z  prompt  It was set aside.",
    ]
    assert [json.loads(line)["seq"] for line in steelyard("events", "--json").out.splitlines()] == [
        4700, 4710, 4711,
    ]  # fmt: skip
    assert steelyard("events", "--since", "4710", "--kind", "worker").out == ""
    assert len(steelyard("events", "--since", "0", "--kind", "worker").out.splitlines()) == 1


def test_system_and_samples(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks["a" * 12] = ended("a" * 12)
    told = steelyard("system").out
    assert "9.9, started" in told and "4 admitted now" in told and "not since the start" in told
    assert json.loads(steelyard("system", "--json").out)["version"] == "9.9"
    assert "2026-01-15T10:00:01Z  1.0 MiB  100 %" in steelyard("task", "aa", "--samples").out
    assert json.loads(steelyard("task", "aa", "--samples", "--json").out)["samples"][0]["cpu"] == 99.6


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_the_script_of_a_shell(steelyard: Steelyard, shell: str) -> None:
    done = steelyard("completion", shell)
    assert done.status == 0 and "_STEELYARD_COMPLETE" in done.out
    assert steelyard("completion", "cmd").status == 2


def test_watching_workers_in_a_pipe_is_a_line_a_change(
    sidecar: FakeSidecar, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = {
        "worker_id": "3f9a1c20", "pid": 1, "state": "STARTING", "heartbeat": None, "memory": None,
        "cpu": None, "started_at": "2026-01-15T10:00:00Z", "heartbeat_age": None, "stalled": False,
        "dead": False, "queue": "default", "reason": None, "error_tail": "", "forced": False, "tasks_done": 0,
        "tasks_failed": 0, "task": None,
    }  # fmt: skip
    sidecar.workers = [worker]

    def sleep(seconds: float) -> None:
        sidecar.workers = [worker | {"state": "RUNNING"}]
        sidecar.events = [{"seq": 4712, "at": "", "kind": "worker", "subject": "3f9a1c20", "data": worker}]

    with Client(f"http://127.0.0.1:{sidecar.port}", TOKEN, sleep=sleep) as client:
        session = Session(client, Output(), SystemClocks())
        said: dict[str, str] = {}
        for status in islice(worker_watch._statuses(session, ()), 2):
            worker_watch._tell(session, status, said)
    assert capsys.readouterr().out == "3f9a1c20  STARTING  idle\n3f9a1c20  RUNNING  idle\n"


def test_what_is_not_a_number_and_what_could_not_be_read_is_said(
    sidecar: FakeSidecar, steelyard: Steelyard
) -> None:
    why = "result.json could not be read: Expecting value: line 1 column 8 (char 7)."
    for number, result in enumerate(({"cost": 1.5, "payback": "NaN"}, {"cost": 2, "payback": 3}, None), 1):
        one = ended(str(number) * 12, remarks=[] if result else [why])
        sidecar.tasks[one["task_id"]] = one | {"sweep_id": SWEEP, "result": result}
    done = steelyard("results", SWEEP)
    [first] = [line for line in done.out.splitlines() if line.startswith("1" * 12)]
    assert first.endswith("not a number") and "1.5" in first
    assert f"{'3' * 12}: {why}" in done.err
    rows = list(csv.DictReader(io.StringIO(steelyard("results", SWEEP, "--csv").out)))
    assert [row["payback"] for row in rows] == ["", "3", "NaN"]
    assert [row["remark"] for row in rows] == [why, "", ""]
    answer = steelyard("results", SWEEP, "--json").out
    found = json.loads(answer, parse_constant=lambda name: pytest.fail(name))
    assert found["results"][2]["numbers"] == {"cost": 1.5, "payback": None}
    assert found["results"][2]["result"]["payback"] == "NaN" and found["results"][0]["remarks"] == [why]
