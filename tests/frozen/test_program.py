"""The folder and the program in it: what is inside, what is not, and what it does with odd arguments."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from steelyard import __version__
from steelyard.cli.app import COMMANDS
from steelyard.cli.checks import LIBRARIES
from tests.frozen.conftest import Run

pytestmark = pytest.mark.timeout(300)

LARGEST = 60_000_000
"""Bytes, without the simulation's libraries."""


def names(program: Path) -> list[str]:
    """Every file of the folder, from its top."""
    folder = program.parent
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]


def test_it_is_small_and_holds_nothing_of_the_tests_or_the_simulation(program: Path) -> None:
    size = sum(path.lstat().st_size for path in program.parent.rglob("*") if path.is_file())
    assert size < LARGEST
    top = {name.split("/")[1].split("-")[0].lower() for name in names(program) if "/" in name}
    others = {"numpy", "scipy", "matplotlib", "pil", "pytest", "mypy", "yaml", "werkzeug", "hypothesis", "tk"}
    assert top & others == set()
    assert not any("readline" in name or "__pycache__" in name for name in names(program))


def test_it_holds_what_is_read_as_a_file(program: Path) -> None:
    found = set(names(program))
    for name in (
        "steelyard_task.py",
        "shared/protocol.json",
        "shared/preferences.schema.json",
        "steelyard/simulations/steel-pathway.toml",
        "steelyard/simulations/steel_pathway/model.py",
        "steelyard/web/templates/base.html",
        "steelyard/web/static/steelyard.css",
        "LICENSE",
    ):
        assert f"_internal/{name}" in found
    assert any(name.startswith("_internal/starlette-") and "licenses" in name for name in found)


def test_the_version_is_told(steelyard: Run) -> None:
    assert steelyard("--version").stdout.strip() == f"steelyard, version {__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_there(steelyard: Run, command: str) -> None:
    done = steelyard(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: steelyard {command}")


def test_the_doctor_knows_every_version(steelyard: Run, tmp_path: Path) -> None:
    done = steelyard("doctor", "--json", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["subject"]: one["text"] for one in json.loads(done.stdout)["findings"]}
    for name in LIBRARIES:
        assert f"{name} " in found["Libraries"]
    assert "steel-pathway" in found["Simulations"]
    assert not (tmp_path / "data").exists()


def test_the_doctor_without_python_says_how_to_name_one(bare_doctor: dict[str, list[str]]) -> None:
    level, text = bare_doctor["Simulations' Python"]
    assert level == "note" and "STEELYARD_PYTHON" in text


@pytest.fixture
def bare_doctor(bare: object, tmp_path: Path) -> dict[str, list[str]]:
    """The doctor's findings where there is no Python."""
    command = bare()  # type: ignore[operator]
    command = [*command, "doctor", "--json", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {one["subject"]: [one["level"], one["text"]] for one in json.loads(done.stdout)["findings"]}


def test_it_is_no_python(steelyard: Run) -> None:
    """Whoever takes sys.executable for an interpreter gets a refusal, not another sidecar."""
    for arguments in (
        ["-c", "print('ran')"],
        ["-m", "http.server"],
        ["-B", "-S", "-I", "-c", "print('ran')"],
    ):
        done = steelyard(*arguments)
        assert done.returncode == 2
        assert "ran" not in done.stdout


def test_a_child_of_multiprocessing_never_starts_the_program_again(steelyard: Run) -> None:
    done = steelyard("--multiprocessing-fork", "tracker_fd=98", "pipe_handle=99")
    assert done.returncode != 0
    assert "Usage" not in done.stderr and "spawn" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows looks for libraries in another way")
def test_variables_of_python_and_of_the_linker_change_nothing(steelyard: Run, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong click')")
    (tmp_path / "libcrypto.so.3").write_text("the wrong library")
    done = steelyard(
        "--version",
        PYTHONPATH=str(tmp_path),
        PYTHONHOME=str(tmp_path),
        PYTHONSTARTUP=str(tmp_path / "click.py"),
        LD_LIBRARY_PATH=str(tmp_path),
    )
    assert (done.returncode, done.stderr) == (0, "")
