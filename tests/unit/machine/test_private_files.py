"""Folders for their owner alone (their use is tested with the data directory)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.machine.private_files import make_private_directory, who_else

pytestmark = pytest.mark.skipif(os.name == "nt", reason="access lists instead of modes")


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o770])
def test_a_folder_that_was_there_is_narrowed(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    folder.chmod(mode)
    assert who_else(folder) == f"mode {mode:04o}"
    make_private_directory(folder)
    assert who_else(folder) is None


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        who_else(tmp_path / "gone")
