"""The frozen program is built when something that goes in has changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

import freeze
import setup_steps


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one source, and builds that only leave a folder."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "one.py").write_text("1")
    place = tmp_path / "build" / "frozen"
    monkeypatch.setattr(freeze, "ROOT", tmp_path)
    monkeypatch.setattr(freeze, "PLACE", place)
    monkeypatch.setattr(freeze, "PROGRAM", place / "steelyard" / "steelyard")
    monkeypatch.setattr(freeze, "STAMP", place / "stamp.json")
    monkeypatch.setattr(setup_steps, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup_steps, "set_up", lambda extras: None)
    return tmp_path


@pytest.fixture
def builds(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One element for each build; what it holds is whether the build works."""
    made: list[bool] = []

    def build() -> bool:
        freeze.PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        freeze.PROGRAM.touch()
        made.append(True)
        return True

    monkeypatch.setattr(freeze, "_build", build)
    return made


def test_a_second_call_builds_nothing(builds: list[bool]) -> None:
    assert [freeze.main([]), freeze.main([])] == [0, 0]
    assert len(builds) == 1
    assert freeze.main(["--force"]) == 0
    assert len(builds) == 2


@pytest.mark.parametrize("changed", ["backend/one.py", "backend/two.py", "pyproject.toml"])
def test_a_changed_or_new_file_builds_anew(builds: list[bool], tree: Path, changed: str) -> None:
    freeze.main([])
    (tree / changed).write_text("other")
    freeze.main([])
    assert len(builds) == 2


def test_another_version_of_a_library_builds_anew(builds: list[bool], tree: Path) -> None:
    freeze.main([])
    (tree / ".venv" / "lib" / "site-packages" / "click-9.dist-info").mkdir(parents=True)
    freeze.main([])
    assert len(builds) == 2


def test_what_python_and_the_tools_leave_behind_changes_nothing(builds: list[bool], tree: Path) -> None:
    freeze.main([])
    for folder in ("__pycache__", ".mypy_cache"):
        (tree / "backend" / folder).mkdir()
        (tree / "backend" / folder / "one.pyc").write_text("x")
    freeze.main([])
    assert len(builds) == 1


def test_a_program_that_was_removed_is_built_anew(builds: list[bool]) -> None:
    freeze.main([])
    freeze.PROGRAM.unlink()
    freeze.main([])
    assert len(builds) == 2


def test_without_pyinstaller_it_says_so(
    builds: list[bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(extras: object) -> None:
        raise setup_steps.SetupError("pip could not install")

    monkeypatch.setattr(setup_steps, "set_up", fail)
    assert freeze.main([]) == freeze.NO_PYINSTALLER
    assert "pip could not install" in capsys.readouterr().err
    assert builds == []
