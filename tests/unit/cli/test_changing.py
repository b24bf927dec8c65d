"""edit, again, preferences, startup and open: what they ask of the server, what they print, how they end."""

from __future__ import annotations

import json

import pytest

from tests.fakes.answers import ended, task
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard

A = "aaaa00000001"


@pytest.fixture(autouse=True)
def one_task(sidecar: FakeSidecar) -> None:
    sidecar.tasks = {A: task(A)}


def test_edit_sends_what_is_given_and_nothing_else(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert steelyard("edit", "aa", "--priority", "0") == (0, f"{A} changed\n", "")
    done = steelyard("edit", A, "--label", "", "--memory", "1GiB", "--tag", "x", "--tag", "y", "--json")
    assert json.loads(done.out) == {"status": "success", "task_id": A}
    assert steelyard("edit", A, "--no-tags").status == 0
    assert [sent for _, sent in sidecar.sent("PATCH")] == [
        {"priority": 0},
        {"label": "", "memory": 2**30, "tags": ["x", "y"]},
        {"tags": []},
    ]


@pytest.mark.parametrize(
    "wrong", [[], ["--priority", "101"], ["--memory", "much"], ["--tag", "a", "--no-tags"]]
)
def test_edit_says_what_is_wrong_before_anything_is_sent(
    sidecar: FakeSidecar, steelyard: Steelyard, wrong: list[str]
) -> None:
    assert steelyard("edit", A, *wrong).status == 2
    assert sidecar.sent("PATCH") == []


def test_again_takes_over_what_was_said_and_changes_some(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks[A] |= {
        "parameters": {"year": 2030, "case": "a"},
        "label": "net zero",
        "tags": ["t"],
        "memory": {"claim": 2**31, "source": "task", "peak": None},
        "key": "monday",
    }
    done = steelyard("again", "aa", "-p", "case=007", "--priority", "9")
    assert (done.status, done.out) == (0, f"{sidecar.next_id}\n")
    [(_, sent)] = sidecar.sent("POST")
    assert sent == {
        "simulation": "demo", "parameters": {"year": 2030, "case": "007"}, "label": "net zero", "priority": 9,
        "memory": 2**31, "timeout": 3600.0, "attempts": 3, "queue": "default", "tags": ["t"],
    }  # fmt: skip


def test_again_waits_if_it_is_to(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.tasks[sidecar.next_id] = ended(sidecar.next_id, "FAILED", "error", evidence="exit code 7")
    assert steelyard("again", A, "--wait").status == 4


def test_preferences_are_listed_with_their_source(steelyard: Steelyard) -> None:
    done = steelyard("preferences", "list")
    assert done.status == 0
    assert "worker_max_count    4                   default      Most workers" in done.out
    assert "worker_peak_memory  the program's rule  default" in done.out
    assert "night               environment" in done.out
    assert set(json.loads(steelyard("preferences", "list", "--json").out)) == {
        "values", "sources", "schema", "notice",
    }  # fmt: skip
    one = steelyard("preferences", "list", "worker_max_count").out
    assert "Range       0 to 256" in one and "Default     4" in one
    assert steelyard("preferences", "list", "worker_mux_count").status == 2


def test_preferences_are_set_and_reset(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    done = steelyard("preferences", "set", "worker_max_count=6", "worker_peak_memory=8GiB")
    assert done.out == "worker_max_count is 6 (preference)\nworker_peak_memory is 8GiB (preference)\n"
    assert sidecar.stated == {"worker_max_count": 6, "worker_peak_memory": "8GiB"}
    assert steelyard("preferences", "reset", "worker_max_count").out == "worker_max_count is 4 (default)\n"
    assert (
        json.loads(steelyard("preferences", "reset", "--all", "--json").out)["values"]["worker_peak_memory"]
        is None
    )
    assert sidecar.stated == {}
    for wrong in (["set"], ["set", "a"], ["reset"], ["reset", "a", "--all"]):
        assert steelyard("preferences", *wrong).status == 2


def test_startup_tells_and_answers(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    told = steelyard("startup").out
    assert "1.0 GiB above the guard, 8.0 GiB for the next task" in told
    assert "if you close browser (3.0 GiB)" in told
    assert steelyard("startup", "start-anyway") == (0, "3f9a1c20\n", "")
    assert steelyard("startup", "without-workers") == (0, "no worker is started\n", "")
    assert [sent for _, sent in sidecar.sent("POST")] == [
        {"choice": "start_anyway"},
        {"choice": "without_workers"},
    ]
    assert steelyard("startup", "perhaps").status == 2


def test_queue_pauses_and_resumes(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    assert steelyard("queue", "pause").out == "the queue is paused\n"
    assert "paused, go on with: steelyard queue resume" in steelyard("workers", "list").out
    assert json.loads(steelyard("queue", "resume", "--json").out) == {"status": "success", "paused": None}
    assert "paused" not in steelyard("workers", "list").out
    assert [path for path, _ in sidecar.sent("POST")] == ["/api/queue/pause/", "/api/queue/resume/"]
    assert steelyard("queue", "stop").status == 2


def test_open_prints_the_link_where_no_one_looks(
    sidecar: FakeSidecar, steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda link: opened.append(link) or True)
    link = f"http://127.0.0.1:{sidecar.port}/sign-in/c0de"
    assert steelyard("open") == (0, f"{link}\n", "")
    assert json.loads(steelyard("open", "--json").out) == {"url": link}
    monkeypatch.setattr("steelyard.cli.output.Output.watched", True)
    assert steelyard("open") == (0, "", "The pages are open in your browser.\n")
    assert steelyard("open", "--print") == (0, f"{link}\n", "")
    assert opened == [link]
