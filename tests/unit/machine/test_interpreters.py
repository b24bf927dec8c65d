"""Which Python runs a simulation that names none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steelyard.machine.interpreters import default_python, versions_in


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH, empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path: Path) -> str:
    """A program at this place."""
    path.touch(0o755)
    return str(path)


def test_unfrozen_it_is_our_own(path: Path) -> None:
    program(path / "python3")
    assert default_python(None) == sys.executable


def test_frozen_it_is_the_first_on_the_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert default_python(None) is None
    other = program(path / "python")
    assert default_python(None) == other
    assert default_python("python3.12") is None
    first = program(path / "python3")
    assert default_python(None) == first


@pytest.mark.parametrize("frozen", [True, False])
def test_the_stated_one_wins(path: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool) -> None:
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    program(path / "python3")
    named = program(path / "python3.12")
    assert default_python("python3.12") == named
    assert default_python(named) == named
    assert default_python(str(path / "gone")) is None


def test_a_python_tells_what_it_has() -> None:
    found = versions_in(sys.executable, ["click", "not_there_at_all"])
    assert found["click"] and found["not_there_at_all"] is None


@pytest.mark.parametrize("other", ["/bin/false", "/bin/echo", "/gone"])
def test_what_is_no_python_is_an_error(other: str) -> None:
    with pytest.raises(OSError):
        versions_in(other, ["click"])
