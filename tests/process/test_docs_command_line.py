"""docs/command-line.md: every command in it is typed, in its order, before a real sidecar.

The ids and sizes of the examples are replaced by those of real tasks, workers and sweeps, and by small ones.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from steelyard.client import Client
from tests.helpers.examples import sections
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

COMMANDS = [command for section in sections("command-line.md") for command in section.commands]
NOT_RUN = {
    "steelyard serve &": "the fixture starts it",
    "steelyard serve": "the fixture starts it",
    "steelyard serve --data-dir ~/runs --workers 2 --port 8080": "a port that may be taken",
    "ssh desk steelyard open --print": "there is no other machine",
}
STATUS = {
    "steelyard workers abort 3f9a1c20": 1,  # nobody can be asked here, as the document says
    "steelyard workers watch": 124,  # `timeout` ended it
    # While a sidecar runs nothing is repaired.
    **{f"steelyard doctor --repair{how}": 1 for how in ("", " --yes", " --json", " --discard")},
}
ENDLESS = ("workers watch", "events -f")
INSTEAD = {"worker_peak_memory=12GiB": "worker_cleanup_age=2h"}  # the fixture's environment fixes that one
"""Simulations as the document has them, only small."""
STEEL = """
[simulation]
name = "steel-pathway"
command = ["{python}", "model.py"]
[resources]
memory = "50MiB"
[parameters]
pathway = {enum = ["reference", "high-circularity"], default = "reference"}
carbon_price_2050 = {type = "number", default = 0}
resolution = {type = "integer", default = 1}
"""
MODEL = """
import steelyard_task as task
print("a line")
task.result({"cost": task.parameters().get("carbon_price_2050", 0)})
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with all that the examples name."""
    path = tmp_path_factory.mktemp("typed")
    for folder in ("model", "bin"):
        (path / folder).mkdir(parents=True)
    (path / "model.py").write_text(MODEL)
    (path / "case.json").write_text('{"carbon_price_2050": 10}')
    (path / "cases.csv").write_text("pathway,carbon_price_2050\nreference,1\nreference,2\n")
    (path / "cases.json").write_text('[{"carbon_price_2050": 1}, {"carbon_price_2050": 2}]')
    for name, text in (("simulate", "echo $1"), ("model/simulate", "echo $1"), ("bin/make", "echo made")):
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    (path / "bin" / "jq").write_text("#!/bin/sh\ncat\n")
    (path / "bin" / "jq").chmod(0o755)
    return path


def programs(home: Path) -> str:
    """The PATH: the stand-ins of the examples, then this Python's programs."""
    return os.pathsep.join([str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="module")
def sidecar(home: Path) -> Iterator[RunningSidecar]:
    data = home / "data"
    (data / "simulations").mkdir(parents=True)
    data.chmod(0o700)
    (data / "simulations" / "steel-pathway.toml").write_text(STEEL)
    (data / "simulations" / "model.py").write_text(MODEL)
    with RunningSidecar(data, PATH=programs(home)) as running:
        assert running.ready
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[Client]:
    with Client.find(sidecar.data_dir) as found:
        yield found


def test_what_is_not_run_is_there() -> None:
    assert NOT_RUN.keys() | STATUS.keys() <= set(COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in NOT_RUN])
def test_a_command_of_the_document(command: str, sidecar: RunningSidecar, client: Client, home: Path) -> None:
    if "3f9a1c20" in command and not client.status()["workers"]:
        client.add_worker()
    typed = re.sub(r"\b(\d+)GiB", r"\g<1>0MiB", replaced(command, client))
    if any(words in command for words in ENDLESS):
        typed = f"timeout -s INT 3 {typed}"
    done = subprocess.run(
        ["sh", "-c", typed],
        cwd=home,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            "HOME": str(home),
            "PATH": programs(home),
            "STEELYARD_DATA_DIR": str(sidecar.data_dir),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == STATUS.get(command, 0), f"{typed}\n{done.stdout}{done.stderr}"
    assert "\x1b" not in done.stdout + done.stderr, "colours in a pipe"


def replaced(command: str, client: Client) -> str:
    """The command with the ids of things that are as it needs them."""
    for word, other in INSTEAD.items():
        command = command.replace(word, other)
    if "3f9a1c20" in command:
        [*_, worker] = client.status()["workers"]
        return command.replace("3f9a1c20", worker["worker_id"])
    if "9f2c41aa03de" in command:
        sweep = client.sweep("steel-pathway", grid={"carbon_price_2050": [1, 2]})
        return command.replace("9f2c41aa03de", sweep["sweep_id"])
    if "--state FAILED" in command:
        failed(client)
    if "3f9a" in command:
        make = NEEDS.get(command.split()[1], succeeded)
        command = command.replace("3f9a", make(client))
    return command.replace("77b0", waiting(client)) if "77b0" in command else command


def succeeded(client: Client) -> str:
    task_id = client.submit("steel-pathway", memory="20MiB")
    assert client.wait(task_id, timeout=60)["state"] == "SUCCEEDED"
    return task_id


def failed(client: Client) -> str:
    task_id = client.submit("command", {"argv": ["false"]}, attempts=1)
    assert client.wait(task_id, timeout=60)["state"] == "FAILED"
    return task_id


def waiting(client: Client) -> str:
    return client.submit("steel-pathway", not_before="2099-01-01T00:00:00Z")


def running(client: Client) -> str:
    for task in client.tasks(state="RUNNING"):
        client.cancel(task["task_id"])
        client.wait(task["task_id"], timeout=60)
    task_id = client.submit("command", {"argv": ["sleep", "600"]})
    eventually(
        lambda: [one for one in client.task(task_id)["attempts"] if one["pid"]],
        within=PATIENCE,
    )
    return task_id


def suspended(client: Client) -> str:
    task_id = running(client)
    client.suspend(task_id)
    return task_id


NEEDS: dict[str, Callable[[Client], str]] = {
    "retry": failed, "suspend": running, "resume": suspended, "cancel": running, "edit": waiting,
}  # fmt: skip
