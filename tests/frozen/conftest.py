"""The frozen program, built once a session and only if its sources have changed since the last build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

import freeze
from tests.helpers.sidecar import environment

Run = Callable[..., subprocess.CompletedProcess[str]]

TOOLS = ("cat", "echo", "env", "false", "ls", "sh", "sleep", "true")
"""What stands on the PATH of a machine without Python."""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in a folder that its build did not know, with a space and a letter beyond ASCII."""
    command = [sys.executable, str(freeze.ROOT / "scripts" / "freeze.py")]
    built = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if built.returncode == freeze.NO_PYINSTALLER:
        pytest.skip(f"PyInstaller cannot be had: {built.stderr.strip().splitlines()[-1]}")
    assert built.returncode == 0, built.stdout + built.stderr
    folder = tmp_path_factory.mktemp("Stahl wäge") / "steelyard"
    # Another run of the tests may put a newer build into its place meanwhile; links keep this one.
    shutil.copytree(freeze.PROGRAM.parent, folder, symlinks=True, copy_function=_link)
    return folder / freeze.PROGRAM.name


def _link(source: str, target: str) -> None:
    with suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        return
    shutil.copy2(source, target, follow_symlinks=False)


@pytest.fixture
def steelyard(program: Path) -> Run:
    """Calls the program with arguments (and, by name, variables) and waits for its end."""

    def run(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=environment(**env),
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the usual small tools and no Python."""
    folder = tmp_path_factory.mktemp("bin")
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.fixture
def bare(program: Path, bare_path: str, tmp_path: Path) -> Callable[..., Sequence[str]]:
    """What to put before `serve` for an environment of nothing but this PATH, a home, and what is given."""

    def command(**env: str) -> Sequence[str]:
        settings = {name: value for name, value in environment().items() if name.startswith("WORKER_")}
        given = {"PATH": bare_path, "HOME": str(tmp_path), **settings, **env}
        return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in given.items()), str(program)]

    return command
