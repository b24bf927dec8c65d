"""How Windows finds a program, with files of this system, and what a batch file is not told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.machine.windows_programs import command, find, folders, is_batch


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The working directory of a task."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """PATH with the folders one and two; both are there."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    path = os.pathsep.join(str(tmp_path / name) for name in ("one", "two"))
    return {"Path": path, "PATHEXT": os.pathsep.join((".COM", ".EXE", ".BAT", ".CMD", ".VBS"))}


def test_a_name_finds_what_a_command_prompt_finds(
    tmp_path: Path, directory: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "two" / "tool.exe").touch()
    assert find("tool", str(directory), environment) == str(tmp_path / "two" / "tool.exe")
    (tmp_path / "one" / "tool.vbs").touch()
    (tmp_path / "one" / "tool").touch()
    assert find("tool", str(directory), environment) == str(tmp_path / "two" / "tool.exe")
    (tmp_path / "one" / "tool.cmd").touch()
    assert find("tool", str(directory), environment) == str(tmp_path / "one" / "tool.cmd")
    (tmp_path / "one" / "tool.bat").touch()
    assert find("tool", str(directory), environment) == str(tmp_path / "one" / "tool.bat")
    assert find("tool.exe", str(directory), environment) == str(tmp_path / "two" / "tool.exe")
    assert find("other", str(directory), environment) is None


def test_a_version_in_a_name_is_no_ending(
    tmp_path: Path, directory: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "one" / "python3.12.exe").touch()
    assert find("python3.12", str(directory), environment) == str(tmp_path / "one" / "python3.12.exe")


def test_the_working_directory_comes_last(
    tmp_path: Path, directory: Path, environment: dict[str, str]
) -> None:
    (directory / "tool.bat").touch()
    assert find("tool", str(directory), environment) == str(directory / "tool.bat")
    (tmp_path / "two" / "tool.exe").touch()
    assert find("tool", str(directory), environment) == str(tmp_path / "two" / "tool.exe")


def test_a_path_is_looked_up_from_the_working_directory(
    tmp_path: Path, directory: Path, environment: dict[str, str]
) -> None:
    (directory / "bin").mkdir()
    (directory / "bin" / "tool.bat").touch()
    assert find(os.path.join("bin", "tool"), str(directory), environment) == str(
        directory / "bin" / "tool.bat"
    )
    absolute = str(directory / "bin" / "tool.bat")
    assert find(absolute, str(tmp_path), environment) == absolute
    assert find(os.path.join("bin", "tool.exe"), str(directory), environment) is None


def test_the_folders_of_a_path() -> None:
    stated = os.pathsep.join(("a", "", '"b c"', '""', "d"))
    assert list(folders(stated)) == ["a", "b c", "d"]


@pytest.mark.parametrize("name", ["a.bat", "A.CMD", "a.bat. .", "a.cmd "])
def test_batch_files(name: str) -> None:
    assert is_batch(name)
    assert not is_batch(f"{name}x") and not is_batch("a.exe")


@pytest.mark.parametrize("text", ['x" & echo more & rem "', "100%", "%PATH%", "a|b", "a\nb", "^", "!x!", "<"])
def test_a_batch_file_is_told_nothing_that_is_a_command(
    directory: Path, environment: dict[str, str], text: str
) -> None:
    (directory / "tool.bat").touch()
    (directory / "program.exe").touch()
    with pytest.raises(ValueError, match="it is a batch file"):
        command(["tool", "plain", text], str(directory), environment)
    assert command(["program", text], str(directory), environment) == [str(directory / "program.exe"), text]


def test_a_batch_file_is_told_what_is_text(directory: Path, environment: dict[str, str]) -> None:
    (directory / "tool.bat").touch()
    plain = ["--file", "C:\\runs\\a b.txt", "x=1,2;3", "(ü)", ""]
    assert command(["tool", *plain], str(directory), environment) == [str(directory / "tool.bat"), *plain]


def test_what_is_not_there(directory: Path, environment: dict[str, str]) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        command(["gone", "x"], str(directory), environment)
    assert raised.value.filename == "gone"
