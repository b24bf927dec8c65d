"""docs/python-client.md: every program in it runs, and it names every method that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.client import AsyncClient, Client
from steelyard.client.bound import _Entry
from steelyard.client.errands import Errands
from tests.helpers.examples import DOCS, sections, write_files
from tests.helpers.sidecar import RunningSidecar

PROGRAMS = [
    (section.heading, body)
    for section in sections("python-client.md")
    for language, body in section.code
    if language == "python"
]
PRINTS = {
    "Submit, wait, look": "SUCCEEDED {'price': 2.0, 'quantity': 8.0}\n",
    "Sweeps and their results": "{'slope': 5} {'price': 2.0, 'quantity': 10.0}",
    "A sweep as a whole": "Figure 3 3 0 0%\n",
    "Waiting": "SUCCEEDED 1.0 None\n",
    "Output and files": "going on after step 10\n",
    "Changing tasks, workers and preferences": "conflict ",
    "Events": " SUCCEEDED\n",
    "With asyncio": "['SUCCEEDED', 'SUCCEEDED']\n",
}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    data = tmp_path_factory.mktemp("documented") / "data"
    (data / "simulations").mkdir(parents=True)
    data.chmod(0o700)
    write_files("bring-your-own-simulation.md", data / "simulations")
    with RunningSidecar(data, "--workers", "2") as running:
        assert running.ready
        yield running


@pytest.mark.parametrize(("heading", "program"), PROGRAMS, ids=[heading for heading, _ in PROGRAMS])
def test_a_program_runs(sidecar: RunningSidecar, tmp_path: Path, heading: str, program: str) -> None:
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        env={**os.environ, "STEELYARD_DATA_DIR": str(sidecar.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert PRINTS[heading] in done.stdout


def test_the_programs_are_typed_as_a_user_checks_them(tmp_path: Path) -> None:
    for number, (_, program) in enumerate(PROGRAMS):
        (tmp_path / f"program_{number}.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", "cache", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_program_has_something_that_it_must_print() -> None:
    assert [heading for heading, _ in PROGRAMS] == list(PRINTS)


def test_every_method_is_named_and_explained() -> None:
    text = (DOCS / "python-client.md").read_text(encoding="utf-8")
    table = text[text.index("## All methods") :]
    for name in dir(Errands):
        if isinstance(getattr(Errands, name), _Entry):
            assert getattr(Errands, name).__doc__, name
            assert f"`{name}`" in table, name
            assert getattr(Client, name) is getattr(AsyncClient, name)
    for name in re.findall(r"`(\w+)`", table[: table.index("`help(")]):
        assert hasattr(Client, name), name
