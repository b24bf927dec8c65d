"""`steelyard simulations new`: the file that it writes, and everything that it does not touch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steelyard.settings.simulation import Simulation
from steelyard.settings.simulation_file import read_simulation
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard

New = Callable[..., Simulation]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder, which is the current one; no environment is active."""
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def new(steelyard: Steelyard, data_dir: Path) -> New:
    """new("growth", "--", ...) -> the simulation that the file declares."""

    def call(*arguments: str) -> Simulation:
        done = steelyard("simulations", "new", *arguments)
        assert done.status == 0, done.err
        return read_simulation(Path(done.out.strip()))

    return call


def program(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def python_in(environment: Path) -> str:
    """A virtual environment as far as it is looked at."""
    found = program(environment / "bin" / "python")
    (environment / "pyvenv.cfg").write_text("")
    return str(found)


def test_a_command_becomes_a_file_in_the_simulations_folder(new: New, model: Path, data_dir: Path) -> None:
    (model / "growth.py").write_text("")
    found = new("growth", "--memory", "2GiB", "--", "python3", "growth.py", "--rate", "{rate=0.02}")
    assert found.file == data_dir / "simulations" / "growth.toml"
    assert (found.directory, found.run.fresh, found.memory) == (model, True, 2**31)
    assert found.command == ("{python}", "growth.py", "--rate", "{rate}")
    assert found.parameters == {"rate": {"type": "number", "default": 0.02}}


def test_a_running_sidecar_says_where_simulations_lie(
    sidecar: FakeSidecar, steelyard: Steelyard, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    sidecar.simulations_dir = str(folder)
    assert steelyard("simulations", "new", "a", "--", "ls").out == f"{folder / 'a.toml'}\n"
    assert steelyard("simulations", "demo", "--json").status == 0
    assert steelyard("simulations", "--json", "demo").out.startswith("{")


def test_nothing_that_is_there_is_changed(
    steelyard: Steelyard, new: New, model: Path, data_dir: Path
) -> None:
    new("growth", "--", "ls")
    file = data_dir / "simulations" / "growth.toml"
    file.write_text("[simulation]\nname = 7\n")
    other = file.with_name("other.toml")
    other.write_text('[simulation]\nname = "taken"\ncommand = ["ls"]\n')
    for name in ("growth", "taken", "steel-pathway"):
        done = steelyard("simulations", "new", name, "--", "ls")
        assert (done.status, done.out) == (1, "") and "[conflict]" in done.err and name in done.err
    assert file.read_text() == "[simulation]\nname = 7\n"
    assert sorted(path.name for path in file.parent.iterdir()) == ["growth.toml", "other.toml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Growth", "--", "ls"], "small letters"),
        (["command", "--", "ls"], "built in"),
        (["../up", "--", "ls"], "small letters"),
        (["a", "--", "ls", "{python=3}"], "another name"),
        (["a", "--", "ls", "gr\udcf6.txt"], "no text in UTF-8"),
        (["a", "--memory", "much", "--", "ls"], "--memory"),
        (["a", "--directory", "nowhere", "--", "ls"], "does not exist"),
        (["a", "--directory", os.devnull, "--", "ls"], "is no folder"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(
    steelyard: Steelyard, model: Path, data_dir: Path, arguments: list[str], said: str
) -> None:
    done = steelyard("simulations", "new", *arguments)
    assert done.status in (1, 2) and said in done.err
    assert list(data_dir.rglob("*.toml")) == []


def test_the_only_program_of_a_folder_is_taken_or_the_one_with_a_usual_name(
    new: New, steelyard: Steelyard, model: Path
) -> None:
    (model / "data.csv").write_text("")
    (model / "test_tools.py").write_text("")
    done = steelyard("simulations", "new", "a")
    assert done.status == 1 and "-- PROGRAM ARGUMENTS" in done.err
    (model / "tools.py").write_text("")
    assert new("a").command == ("{python}", "tools.py")
    (model / "main.py").write_text("")
    assert new("b").command == ("{python}", "main.py")
    (model / "run.jl").write_text("")
    assert "main.py, run.jl, tools.py" in steelyard("simulations", "new", "c").err
    assert new("tools").command == ("{python}", "tools.py")


@pytest.mark.parametrize(
    ("text", "mode", "command"),
    [
        ("#!/bin/sh\n", 0o755, ("./solve.sh",)),
        ("#!/usr/bin/env bash\n", 0o644, ("bash", "solve.sh")),
        ("echo hi\n", 0o755, ("sh", "solve.sh")),
    ],
)
def test_a_script_is_started_by_what_it_is_written_for(
    new: New, model: Path, text: str, mode: int, command: tuple[str, ...]
) -> None:
    program(model / "solve.sh", text, mode)
    assert new("a", "--", "solve.sh", "{x=1}").command == (*command, "{x}")


def test_programs_are_found_where_they_were_typed(new: New, model: Path, tmp_path: Path) -> None:
    tool = program(tmp_path / "tools" / "solve")
    (tmp_path / "data.nc").write_text("")
    (tmp_path / "below").mkdir()
    # A run in a folder of its own has other neighbours, so what lies beside is named absolutely.
    found = new("a", "--directory", str(tmp_path / "below"), "--", "../tools/solve", "../data.nc", "../none")
    assert found.command == (str(tool), str(tmp_path / "data.nc"), "../none")


def test_python_is_the_one_typed_else_the_one_beside_else_the_active_one(
    new: New, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "main.py").write_text("")
    active = python_in(tmp_path / "active")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))
    assert new("a").python == active
    beside = python_in(model / ".venv")
    assert new("b").python == beside
    typed = python_in(model / "other")
    assert new("c", "--", "other/bin/python", "main.py").python == typed
    monkeypatch.setenv("PATH", f"{tmp_path / 'active' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert new("d", "--", "python", "main.py").python == active
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert new("e", "--", Path(sys.executable).name, "main.py").python is None


def test_a_launcher_is_asked_which_python_it_starts(
    new: New, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = program(tmp_path / "versions" / "python3", "#!/bin/sh\necho $0\n")
    program(tmp_path / "shims" / "python3", f'#!/bin/sh\nexec {real} "$@"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert new("a", "--", "python3", "main.py").python == str(real)


def test_a_program_that_tasks_would_not_find_is_named_by_its_path(
    new: New, sidecar: FakeSidecar, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar.simulations_dir = str(tmp_path)
    sidecar.programs = {"PATH": "/usr/bin:/bin"}
    tool = program(tmp_path / "bin" / "solve-it")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert new("a", "--", "solve-it").command == (str(tool),)
    assert new("b", "--", "ls").command == ("ls",)


def test_a_home_folder_is_said_to_be_much_for_each_run(
    steelyard: Steelyard, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(model))
    assert "which is much" in steelyard("simulations", "new", "a", "--", "ls").err


def test_what_may_be_meant_otherwise_is_noted(steelyard: Steelyard, model: Path) -> None:
    def notes(*arguments: str) -> str:
        return " ".join(json.loads(steelyard("simulations", "new", *arguments, "--json").out)["notes"])

    answer: dict[str, Any] = json.loads(steelyard("simulations", "new", "a", "--json", "--", "ls", "{E}").out)
    assert answer["command"] == ["ls", "{E}"] and answer["parameters"] == {"E": {"type": "string"}}
    assert "{E=0.5}" in answer["notes"][0]
    done = steelyard("simulations", "new", "b", "--", "python3", "gone.py")
    assert done.status == 0 and f"no gone.py in {model}" in done.err
    assert "no-such-solver was not found" in steelyard("simulations", "new", "c", "--", "no-such-solver").err
    done = steelyard("simulations", "new", "d", "--to", ".", "--", "ls")
    assert "Simulations are read from" in done.err and read_simulation(model / "d.toml").directory == model
