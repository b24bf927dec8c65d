"""How far programs are that know nothing of us: what a running sidecar says of them while they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

TABLE = r"""
[simulation]
name = "table"
command = ["sh", "-c", 'for n in 0 25 50 75; do echo "   $n  1.67  -4.79"; done; sleep 60']
[progress]
pattern = '^\s+(\d+)\s'
total = "{steps}"
[parameters]
steps = {type = "integer", default = 300}
"""
WRONG = r"""
[simulation]
name = "wrong"
command = ["sh", "-c", 'for n in 50 100 150; do echo "   $n  1.67"; sleep 0.3; done; sleep 60']
[progress]
pattern = '^\s+(\d+)\s'
"""
BARS = r"""
import time
for title, total in (("Load inputs", 4), ("Simulate", 20)):
    for done in range(total + 1):
        share = 100 * done // total
        print(f"\r{title}: {share:3d}%|####    | {done}/{total} [00:01<00:02]", end="", flush=True)
        time.sleep(0.1)
        if title == "Simulate" and done == 7:
            time.sleep(60)
    print()
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    data = tmp_path_factory.mktemp("progress") / "data"
    (data / "simulations").mkdir(parents=True)
    data.chmod(0o700)
    for name, text in (("table", TABLE), ("wrong", WRONG)):
        (data / "simulations" / f"{name}.toml").write_text(text)
    with RunningSidecar(data, "--workers", "2") as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 2)
        yield found
        for one in found.get("/api/tasks/", params={"limit": 100}).json()["tasks"]:
            if one["state"] in ("READY", "RUNNING"):
                found.post(f"/api/tasks/{one['task_id']}/cancel/")


def submit(client: httpx.Client, simulation: str, **parameters: Any) -> str:
    answer = client.post("/api/tasks/", json={"simulation": simulation, "parameters": parameters})
    return str(answer.raise_for_status().json()["task_id"])


def test_the_total_of_a_step_table_is_a_parameter(client: httpx.Client) -> None:
    task_id = submit(client, "table", steps=300)
    eventually(lambda: api.task(client, task_id)["progress"] == 0.25, within=30)
    refused = client.post("/api/tasks/", json={"simulation": "table", "parameters": {"steps": 0}})
    assert refused.status_code == 422 and "[progress] total" in refused.text


def test_a_pattern_that_means_something_else_is_given_up_with_a_word(client: httpx.Client) -> None:
    task_id = submit(client, "wrong")

    def remarks() -> list[str]:
        attempts = api.task(client, task_id)["attempts"]
        return attempts[0]["remarks"] if attempts else []

    eventually(remarks, within=30)
    assert len(remarks()) == 1 and "it found 150" in remarks()[0]
    eventually(lambda: api.task(client, task_id)["progress"] is None, within=10)


def test_of_bars_after_each_other_the_present_one_is_the_message(
    client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "bars.py").write_text(BARS)
    task_id = api.submit(client, [sys.executable, str(tmp_path / "bars.py")])
    told: list[tuple[float | None, str]] = []

    def at_the_second() -> bool:
        task = api.task(client, task_id)
        told.append((task["progress"], task["message"]))
        return bool(task["message"] == "Simulate 35 %, bar 2")

    eventually(at_the_second, within=30)
    assert {progress for progress, message in told if "bar 2" in message} == {None}


def test_a_form_that_everybody_knows_needs_no_pattern(client: httpx.Client) -> None:
    script = 'for n in 1 2 3 4; do echo "step $n of 10"; sleep 0.1; done; sleep 60'
    task_id = api.submit(client, ["sh", "-c", script])
    eventually(lambda: api.task(client, task_id)["progress"] == 0.4, within=30)
    assert api.task(client, task_id)["message"] == "step 4 of 10"


def test_the_lines_for_us_are_kept_and_can_be_left_out(client: httpx.Client) -> None:
    program = (
        "for n in range(20_000):\n"
        "    print(f'line {n} é')\n"
        "    print(f'::steelyard progress {n / 20_000} line {n} é')\n"
    )
    done = api.ends(client, api.submit_python(client, program))
    address = f"/api/tasks/{done['task_id']}/log/"
    for query, lines in (("", 40_000), ("&without_marks=true", 20_000)):
        text, offset, size = "", 0, 1
        while offset < size:
            piece = client.get(f"{address}?offset={offset}{query}").json()
            assert piece["offset"] == offset < piece["next"]
            text, offset, size = text + piece["text"], piece["next"], piece["size"]
        assert text.count("\n") == lines and offset == size
        # Not one of them was cut in two between two pieces.
        assert len([line for line in text.splitlines() if line.startswith("line ")]) == 20_000
    tail = client.get(f"{address}?tail=200&without_marks=true").json()
    assert tail["text"].endswith("line 19999 é\n") and "::steelyard" not in tail["text"].split("\n", 1)[1]


def test_the_second_run_of_bars_knows_how_far_it_is(client: httpx.Client, tmp_path: Path) -> None:
    program = tmp_path / "twice.py"
    program.write_text(BARS.replace("time.sleep(60)", "time.sleep(3)"))
    first = api.ends(client, api.submit(client, [sys.executable, str(program)]))
    assert first["state"] == "SUCCEEDED"
    task_id = api.submit(client, [sys.executable, str(program)])
    told: list[tuple[float | None, str, str | None]] = []

    def at_the_second() -> bool:
        task = api.task(client, task_id)
        told.append((task["progress"], task["message"], task["eta"]))
        return bool(task["message"] == "Simulate 35 %, bar 2")

    eventually(at_the_second, within=30)
    known = [progress for progress, _, _ in told if progress is not None]
    # Loading is a tenth of it, so its bar does not say that all is nearly done.
    assert known == sorted(known) and known[0] < 0.3 and 0.1 < known[-1] < 0.6
    assert told[-1][0] is not None and told[-1][2] is not None
