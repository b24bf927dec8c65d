"""Which Python of a Windows computer runs simulations, with files of this system and a made-up registry."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.machine.windows_pythons import choose


@pytest.fixture
def aliases(tmp_path: Path) -> Path:
    """The folder of a Windows without any Python: empty files that offer the Store."""
    folder = tmp_path / "Microsoft" / "WindowsApps"
    folder.mkdir(parents=True)
    for name in ("python.exe", "python3.exe"):
        (folder / name).touch()
    return folder


def installed(folder: Path, name: str = "python.exe") -> str:
    """An interpreter there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("MZ")
    return str(folder / name)


def path(*stated: Path) -> str:
    return os.pathsep.join(map(str, stated))


def test_what_offers_the_store_is_none(aliases: Path) -> None:
    assert choose(path(aliases), []) is None


def test_an_installed_one_comes_before_what_offers_the_store(aliases: Path, tmp_path: Path) -> None:
    real = installed(tmp_path / "Python312")
    assert choose(path(aliases, tmp_path / "Python312"), []) == real
    assert choose(path(tmp_path / "Python312", aliases), []) == real


def test_a_python3_alone_is_found_on_the_path(aliases: Path, tmp_path: Path) -> None:
    real = installed(tmp_path / "msys", "python3.exe")
    assert choose(path(aliases, tmp_path / "msys"), []) == real


def test_a_registered_one_counts_where_the_path_has_none(aliases: Path, tmp_path: Path) -> None:
    old, new = installed(tmp_path / "Python39"), installed(tmp_path / "Python312")
    two, gone = installed(tmp_path / "Python27"), str(tmp_path / "Python313" / "python.exe")
    assert choose(path(aliases), [("3.9", old), ("3.13", gone), ("2.7", two), ("3.12-32", new)]) == new
    assert choose("", [("3.9", old)]) == old
    on_path = installed(tmp_path / "chosen")
    assert choose(path(tmp_path / "chosen"), [("3.12", new)]) == on_path


def test_the_stores_own_is_taken_by_its_folder(aliases: Path, tmp_path: Path) -> None:
    for minor in (9, 12):
        store = installed(aliases / f"PythonSoftwareFoundation.Python.3.{minor}_qbz5n2kfra8p0")
    assert choose(path(aliases), []) == store
    registered = installed(tmp_path / "Python310")
    assert choose(path(aliases), [("3.10", registered)]) == registered
