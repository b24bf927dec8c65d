"""How a worker is started, and what a foreign program's environment holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.machine.programs import external_environment, worker_command


def test_unfrozen_the_agents_file_is_run_isolated() -> None:
    command = worker_command()
    assert command[:5] == [sys.executable, "-I", "-S", "-X", "utf8"]
    assert Path(command[5]).parts[-4:] == ("backend", "steelyard", "worker", "__main__.py")
    assert os.path.isfile(command[5])


def test_frozen_the_program_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert worker_command() == [sys.executable, "worker"]


BUNDLE = {
    "PATH": "/bin",
    "LD_LIBRARY_PATH": "/bundle",
    "_PYI_ARCHIVE_FILE": "x",
    "_MEIPASS2": "x",
    "PYTHONHOME": "/bundle",
    "PYTHONPATH": "/user",
}


def test_the_users_own_library_path_comes_back() -> None:
    environment = external_environment({**BUNDLE, "LD_LIBRARY_PATH_ORIG": "/user"})
    assert environment == {"PATH": "/bin", "LD_LIBRARY_PATH": "/user", "PYTHONPATH": "/user"}


def test_without_an_original_it_is_the_users_unless_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert external_environment(BUNDLE)["LD_LIBRARY_PATH"] == "/bundle"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "LD_LIBRARY_PATH" not in external_environment(BUNDLE)
