"""docs/bring-your-own-simulation.md, followed from top to bottom: its files, its commands, its claims."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steelyard.client import Client
from steelyard.client.answers import Task
from tests.helpers.examples import Section, sections, type_along, write_files
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

DOCUMENT = "bring-your-own-simulation.md"
SECTIONS = [section for section in sections(DOCUMENT) if section.commands]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """<data dir>/simulations, with the files of the document."""
    path = tmp_path_factory.mktemp("own") / "data" / "simulations"
    path.mkdir(parents=True)
    path.parent.chmod(0o700)
    write_files(DOCUMENT, path)
    return path


@pytest.fixture(scope="module")
def sidecar(folder: Path) -> Iterator[RunningSidecar]:
    with RunningSidecar(folder.parent, "--workers", "2") as running:
        assert running.ready
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[Client]:
    with Client.find(sidecar.data_dir) as found:
        yield found


def test_the_files_are_all_right(client: Client) -> None:
    named = {
        name.removesuffix(".toml") for part in sections(DOCUMENT) for name in part.files if "toml" in name
    }
    assert named <= {one["name"] for one in client.simulations()}
    assert client.connection.last is not None and client.connection.last.json()["errors"] == []


@pytest.mark.parametrize("section", SECTIONS, ids=[section.heading for section in SECTIONS])
def test_its_commands_work(section: Section, sidecar: RunningSidecar, folder: Path) -> None:
    done = type_along(section.commands, folder, sidecar.data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    check = CHECKS.get(section.heading.partition(".")[0])
    with Client.find(sidecar.data_dir) as client:
        if check is not None:
            check(client, folder, done.stdout)


def newest(client: Client, simulation: str) -> Task:
    return next(client.tasks(simulation=simulation))


def program_as_it_is(client: Client, folder: Path, out: str) -> None:
    assert out == "hello from Berlin\n"
    assert (folder / "hello.txt").read_text() == "done\n"


def command(client: Client, folder: Path, out: str) -> None:
    assert "6 of 6 (6 succeeded)" in out or out.count("SUCCEEDED") == 8
    task = list(client.tasks(simulation="growth"))[-1]
    assert client.log(task["task_id"])["text"].splitlines()[-1] == "year 10 of 10: 1.344"
    written = client.log(newest(client, "savings")["task_id"])["text"]
    assert written.splitlines()[-1] == "year 30 of 30: 2.427"
    assert client.simulation("savings")["run"]["workspace"] == "fresh"


def function(client: Client, folder: Path, out: str) -> None:
    assert list(client.tasks(simulation="market"))[-1]["result"] == {"price": 2.0, "quantity": 8.0}
    assert '{"price": 2.0, "quantity": 8.0}\n' in out
    assert "price" in out and "quantity" in out and "3.3333" in out


def environment(client: Client, folder: Path, out: str) -> None:
    assert newest(client, "apart")["result"] == {"prefix": str(folder / "environment"), "own": True}


def other_language(client: Client, folder: Path, out: str) -> None:
    task = newest(client, "collatz")
    assert task["result"] == {"steps": 118}
    assert [file["name"] for file in client.files(task["task_id"])] == ["path.csv", "result.json"]
    assert task["message"] == "step 100"


def progress(client: Client, folder: Path, out: str) -> None:
    # While it runs the fraction is that of the lines; at its end all of it is done.
    assert newest(client, "printed")["progress"] == 1.0


def files(client: Client, folder: Path, out: str) -> None:
    assert sorted(path.name for path in (folder / "curve-files").iterdir()) == [
        "curve.csv", "curve.svg", "result.json",
    ]  # fmt: skip
    assert newest(client, "curve")["result"]["points"] == 11
    assert len(list(client.tasks(simulation="curve"))) == 1


def checkpoints(client: Client, folder: Path, out: str) -> None:
    task = newest(client, "walk")
    assert task["result"]["began_at"] == [0, 20]
    assert [attempt["cause"] for attempt in task["attempts"]] == ["error", "succeeded"]
    steady = client.wait(client.submit("walk", {"pause": 0}))
    assert steady["result"]["place"] == task["result"]["place"]


def soft_stop(client: Client, folder: Path, out: str) -> None:
    assert client.wait(newest(client, "walk")["task_id"], timeout=60)["state"] == "CANCELLED"


CHECKS: dict[str, Any] = {
    "1": program_as_it_is, "2": command, "3": function, "4": environment, "5": other_language, "6": progress,
    "7": files, "8": checkpoints, "9": soft_stop,
}  # fmt: skip


def test_every_section_with_commands_has_a_check() -> None:
    assert {section.heading.partition(".")[0] for section in SECTIONS} == set(CHECKS)


def test_progress_comes_from_the_declared_pattern(client: Client) -> None:
    seen: list[float] = []
    for number in range(5):
        task_id = client.submit("printed", {"years": 20 + number})
        client.wait(task_id, watch=lambda task: seen.append(task["progress"] or 0.0))
        if any(0.0 < fraction < 1.0 for fraction in seen):
            return
    pytest.fail(f"no fraction was seen between beginning and end: {seen}")


def test_a_walk_goes_on_where_a_soft_stop_saved_it(client: Client) -> None:
    task_id = client.submit("walk", {"steps": 100_000, "pause": 0.01})
    eventually(lambda: (client.task(task_id)["progress"] or 0.0) > 0.0, within=PATIENCE)
    client.cancel(task_id)
    stopped = client.wait(task_id, timeout=30)
    assert (stopped["state"], stopped["attempts"][0]["exit_code"]) == ("CANCELLED", 0)
    client.retry(task_id)
    eventually(lambda: "going on after step" in client.log(task_id, tail=1000)["text"], within=PATIENCE)
    client.cancel(task_id)
    client.wait(task_id, timeout=30)


def test_a_walk_survives_a_quit(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "simulations").mkdir(parents=True)
    data.chmod(0o700)
    write_files(DOCUMENT, data / "simulations")
    with RunningSidecar(data, "--workers", "1") as first:
        assert first.ready
        with Client.find(data) as client:
            task_id = client.submit("walk", {"steps": 150, "pause": 0.02})
            eventually(lambda: (client.task(task_id)["progress"] or 0.0) > 0.1, within=PATIENCE)
        assert first.terminate() == 0
    with RunningSidecar(data, "--workers", "1") as second:
        assert second.ready
        with Client.find(data) as client:
            task = client.wait(task_id, timeout=60)
    assert [attempt["cause"] for attempt in task["attempts"]] == ["sidecar_lost", "succeeded"]
    began_at = task["result"]["began_at"]
    assert began_at[0] == 0 and began_at[1] > 10
