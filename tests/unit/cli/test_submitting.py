"""submit, run and sweep: what they ask of the server, what they print, and how they end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.answers import attempt, ended, task
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard

ID = "0123456789ab"


def body(sidecar: FakeSidecar) -> Any:
    """What was submitted."""
    [(_, sent)] = sidecar.sent("POST")
    return sent


def test_submit_asks_the_schema_and_prints_the_id_alone(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("submit", "demo", "-p", "case=007", "-p", "year=2030", "-p", "mode=3", "-p", "other=[1]")
    assert done == (0, f"{ID}\n", "")
    assert body(sidecar) == {
        "simulation": "demo",
        "parameters": {"case": "007", "year": 2030, "mode": 3, "other": [1]},
    }


@pytest.mark.parametrize(
    "given", [("submit", "demo", "-p", "year=8760"), ("sweep", "demo", "-p", "year=12,8760,24")]
)
def test_numbers_far_beyond_the_runs_so_far_are_named(
    sidecar: FakeSidecar, steelyard: Steelyard, given: tuple[str, ...]
) -> None:
    sidecar.seen = {
        "year": {"least": 24.0, "most": 48.0, "falling": False},
        "mode": {"least": 1.0, "most": 1.0, "falling": False},
    }
    said = "Far beyond the runs so far: runs seen had year up to 48, this goes to 8,760"
    assert f"{said}.\n" in steelyard(*given).err
    assert f"{said}; mode = 2 was never seen, only 1.\n" in steelyard(*given, "-p", "mode=2").err
    assert "Far beyond" not in steelyard("submit", "demo", "-p", "year=60").err
    assert steelyard("submit", "demo", "-p", f"year=1{'0' * 400}").status == 0


def test_submit_sends_all_that_may_be_said_of_a_task(
    sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path
) -> None:
    sidecar.tasks["abcdef012345"] = task("abcdef012345")
    file = tmp_path / "case.json"
    file.write_text('{"year": 2030, "case": "a"}')
    done = steelyard(
        "submit", "demo", "--parameters", str(file), "-p", "case=b", "--label", "x", "--priority", "-5",
        "--memory", "1.5 GiB", "--timeout", "2h", "--attempts", "4", "--queue", "night",
        "--not-before", "2026-01-15T22:00Z", "--after", "abc", "--tag", "t", "--tag", "u",
        "--key", "k", "--force",
    )  # fmt: skip
    assert done.status == 0
    assert body(sidecar) == {
        "simulation": "demo", "parameters": {"year": 2030, "case": "b"}, "label": "x", "priority": -5,
        "memory": 3 * 2**29, "timeout": 7200.0, "attempts": 4, "queue": "night",
        "not_before": "2026-01-15T22:00:00.000Z", "after": ["abcdef012345"], "tags": ["t", "u"], "key": "k",
        "force": True,
    }  # fmt: skip


@pytest.mark.parametrize("given", ["5eeb00000001", "5eeb"])
def test_a_task_may_wait_for_all_tasks_of_a_sweep(
    sidecar: FakeSidecar, steelyard: Steelyard, given: str
) -> None:
    for task_id in ("a" * 12, "b" * 12):
        sidecar.tasks[task_id] = task(task_id, sweep_id="5eeb00000001")
    assert steelyard("submit", "demo", "-p", "year=2030", "--after", given).status == 0
    assert sorted(body(sidecar)["after"]) == ["a" * 12, "b" * 12]


def test_what_is_neither_task_nor_sweep_is_named(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("submit", "demo", "-p", "year=2030", "--after", "0123456789ab")
    assert done.status == 1 and "There is no task and no sweep 0123456789ab." in done.err


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("2027-03-28T02:30", "2027-03-28T01:30:00.000Z"),  # left out by summer time: the hour after it, 03:30
        ("2027-03-28T01:59", "2027-03-28T00:59:00.000Z"),
        ("2027-10-31T02:30", "2027-10-31T00:30:00.000Z"),  # twice there: the first
        ("2027-03-28", "2027-03-27T23:00:00.000Z"),
        ("2027-03-28T02:30-05:00", "2027-03-28T07:30:00.000Z"),
    ],
)
def test_a_moment_never_begins_before_what_was_typed(
    sidecar: FakeSidecar, steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch, typed: str, sent: str
) -> None:
    with monkeypatch.context() as berlin:
        berlin.setenv("TZ", "Europe/Berlin")
        time.tzset()
        assert steelyard("submit", "demo", "--not-before", typed).status == 0
    time.tzset()
    assert body(sidecar)["not_before"] == sent


@pytest.mark.parametrize(
    "wrong",
    [
        ["--memory", "8G"], ["--timeout", "-1"], ["--priority", "101"], ["--attempts", "0"], ["-p", "year"],
        ["--not-before", "soon"], ["-p", "year=1", "-p", "year=2"], ["--parameters", "/nowhere/x.json"],
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_is_sent(
    sidecar: FakeSidecar, steelyard: Steelyard, wrong: list[str]
) -> None:
    done = steelyard("submit", "demo", *wrong)
    assert (done.status, done.out) == (2, "")
    assert sidecar.sent("POST") == []


def test_a_refusal_is_1_with_code_and_figures(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.refuse("/api/tasks/", 409, "will_never_fit", "It will never fit.", need=2**33, most=2**32)
    done = steelyard("submit", "demo")
    assert done == (
        1,
        "",
        "error: It will never fit. [will_never_fit]\n  most 4.0 GiB\n  need 8.0 GiB\n"
        "--force would queue it all the same.\n",
    )
    done = steelyard("submit", "demo", "--json")
    assert json.loads(done.err) == sidecar.refusals["/api/tasks/"][1]


def test_each_wrong_parameter_is_named(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    errors = [{"path": "year", "message": "too late"}, {"path": "case", "message": "\x1b[31mbad"}]
    sidecar.refuse("/api/tasks/", 422, "invalid_parameters", "Wrong: year: too late", errors=errors)
    done = steelyard("submit", "demo")
    assert done.err == "error: Wrong: year: too late [invalid_parameters]\n  case: \ufffd[31mbad\n"


def test_an_unknown_simulation_is_1(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("submit", "nothing", "-p", "a=1")
    assert done.status == 1 and "[not_found]" in done.err


@pytest.mark.parametrize(
    ("state", "cause", "status"),
    [("SUCCEEDED", "succeeded", 0), ("FAILED", "error", 4), ("CANCELLED", "cancelled", 5)],
)
def test_waiting_ends_as_the_task_did(
    sidecar: FakeSidecar, steelyard: Steelyard, state: str, cause: str, status: int
) -> None:
    sidecar.submitted_state = "READY"
    last = ended(ID, state, cause, exit_code=7, evidence="exit code 7", error_tail="boom\n")
    sidecar.coming[ID] = [
        task(ID, waiting_for="needs 8 GiB"),
        task(ID, state="RUNNING", progress=0.5),
        last,
    ]
    done = steelyard("submit", "demo", "--wait")
    assert done.status == status
    assert done.out.startswith(f"task {ID} {state}")
    assert f"task {ID} waits: it needs 8 GiB\n" in done.err
    assert ("boom" in done.err) == (state == "FAILED")


def test_waiting_ends_with_the_result(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks[ID] = ended(ID) | {"result": {"price": 2.0}}
    assert steelyard("submit", "demo", "--wait").out == f'task {ID} SUCCEEDED\n{{"price": 2.0}}\n'


def test_json_of_submit_is_the_servers_answer(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert json.loads(steelyard("submit", "demo", "--json").out) == {"task_id": ID, "new": True}
    assert json.loads(steelyard("submit", "demo", "--json", "--wait").out) == sidecar.tasks[ID]


def test_run_streams_the_output_of_a_command(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.logs[ID] = "line one\nline t\u00e4o\n".encode()
    done = steelyard("run", "--env", "A=1", "--env", "B=", "--", "python", "m.py", "--help", "-p", "a b")
    assert done == (0, "line one\nline t\u00e4o\n", "")
    assert body(sidecar) == {
        "simulation": "command",
        "parameters": {
            "argv": ["python", "m.py", "--help", "-p", "a b"],
            "directory": os.getcwd(),
            "environment": {"A": "1", "B": ""},
        },
        "label": "python m.py --help -p 'a b'",
        "attempts": 1,
    }


@pytest.mark.parametrize(
    ("options", "last", "status"),
    [
        ([], {"exit_code": 7}, 4),
        (["--exit-code"], {"exit_code": 7}, 7),
        (["--exit-code"], {"exit_code": None, "signal": 9}, 137),
        (["--exit-code"], {"exit_code": None}, 4),
    ],
)
def test_how_run_ends(
    sidecar: FakeSidecar, steelyard: Steelyard, options: list[str], last: dict[str, Any], status: int
) -> None:
    sidecar.tasks[ID] = ended(ID, "FAILED", "error", evidence="it broke", **last)
    done = steelyard("run", *options, "--", "x")
    assert (done.status, done.err) == (status, f"task {ID} FAILED (error): it broke\n")


def test_run_detached_prints_the_id_only(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.submitted_state = "READY"
    assert steelyard("run", "--detach", "--", "sleep", "9") == (0, f"{ID}\n", "")


def test_who_is_in_a_folder_that_is_gone_is_told_so(
    sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = steelyard("run", "--", "echo", "hi")
    assert done.status == 1 and "error: the folder that you are in has been deleted" in done.err
    assert steelyard("run", "--directory", str(tmp_path), "--", "echo", "hi").status == 0


def test_ctrl_c_leaves_the_task_and_says_so(
    sidecar: FakeSidecar, steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar.submitted_state = "RUNNING"

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("steelyard.client.Client.follow", interrupted)
    monkeypatch.setattr("steelyard.client.Client.wait", interrupted)
    for command in (["run", "--", "x"], ["submit", "demo", "--wait"], ["logs", "-f", ID]):
        done = steelyard(*command)
        assert done.status == 130
        assert f"task {ID} goes on. End it with: steelyard cancel {ID}" in done.err


def test_a_sidecar_that_ends_meanwhile_is_3(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.refuse(f"/api/tasks/{ID}/", 500, "", "")
    sidecar.refusals[f"/api/tasks/{ID}/"] = (500, {"not": "ours"})
    done = steelyard("run", "--", "x")
    assert done.status == 3
    assert f"task {ID} is kept: it goes on with the next sidecar" in done.err


def test_sweep_of_a_grid(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks = {"a" * 12: task("a" * 12)}
    done = steelyard(
        "sweep", "demo", "-p", "case=007,b", "-p", "year=2030,2040", "--ordered", "--priority", "3"
    )
    assert done == (0, "5eeb00000000\n", "")
    assert body(sidecar) == {
        "simulation": "demo", "base": {}, "grid": {"case": ["007", "b"], "year": [2030, 2040]},
        "ordered": True, "priority": 3,
    }  # fmt: skip


def test_what_a_key_finds_is_said(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.new = False
    sidecar.tasks = {ID: ended(ID, "FAILED", "error") | {"sweep_id": "5eeb00000000"}}
    done = steelyard("submit", "demo", "-p", "year=2030", "--key", "monday")
    assert done == (0, f"{ID}\n", f"task {ID} is already there: FAILED\n")
    done = steelyard("sweep", "demo", "-p", "year=2030,2040", "--key", "monday", "--name", "paper")
    assert done == (0, "5eeb00000000\n", "sweep 5eeb00000000 is already there: 1 failed\n")
    sent = dict(sidecar.sent("POST"))["/api/sweeps/"]
    assert (sent["key"], sent["name"]) == ("monday", "paper")


def test_sweep_of_rows(sidecar: FakeSidecar, steelyard: Steelyard, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("case,year\n007,2030\n,2040\n")
    assert steelyard("sweep", "demo", "--rows", str(file), "-p", "mode=a,b").status == 0
    assert body(sidecar) == {
        "simulation": "demo", "base": {"mode": "a,b"}, "ordered": False,
        "rows": [{"case": "007", "year": 2030}, {"year": 2040}],
    }  # fmt: skip
    assert steelyard("sweep", "demo").status == 2


def swept(number: int, state: str, cause: str, result: Any = None) -> dict[str, Any]:
    """A task of the sweep that has ended."""
    name = f"{number:012x}"
    fields = {
        "sweep_id": "5eeb00000000",
        "parameters": {"case": f"c{number}", "year": 2030},
        "result": result,
    }
    return ended(name, state, cause) | fields


def test_sweep_waits_and_shows_what_was_varied_and_what_came_out(
    sidecar: FakeSidecar, steelyard: Steelyard
) -> None:
    made = [
        swept(1, "SUCCEEDED", "succeeded", {"cost": 1.25, "note": "x"}),
        swept(2, "SUCCEEDED", "succeeded"),
    ]
    sidecar.tasks = {one["task_id"]: one for one in made}
    done = steelyard("sweep", "demo", "-p", "case=c1,c2", "--wait")
    assert done.status == 0
    assert [line.split() for line in done.out.splitlines()] == [
        ["Task", "case", "State", "Took", "Peak", "cost"],
        ["000000000001", "c1", "SUCCEEDED", "5", "min", "–", "1.25"],
        ["000000000002", "c2", "SUCCEEDED", "5", "min", "–", "–"],
    ]
    assert "2 of 2 (2 succeeded)" in done.err


@pytest.mark.parametrize(
    ("states", "status"),
    [(["CANCELLED", "SUCCEEDED"], 5), (["CANCELLED", "FAILED"], 4), (["SUCCEEDED", "SUCCEEDED"], 0)],
)
def test_a_sweep_ends_as_its_worst_task(
    sidecar: FakeSidecar, steelyard: Steelyard, states: list[str], status: int
) -> None:
    made = [swept(number, state, "error") for number, state in enumerate(states)]
    sidecar.tasks = {one["task_id"]: one for one in made}
    done = steelyard("sweep", "demo", "-p", "case=c0,c1", "--wait", "--json")
    assert done.status == status
    assert json.loads(done.out)["tasks"] == made


def test_an_attempt_helper_has_the_fields_of_the_contract() -> None:
    assert list(ended(ID)["attempts"][0]) == list(attempt())
