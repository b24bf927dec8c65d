"""Folders for their owner alone (their use is tested with the data directory)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from steelyard.machine.private_files import make_private_directory, who_else, write_private

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


@pytest.mark.parametrize("knows_it", [True, False])
def test_on_macos_the_drive_itself_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows_it: bool
) -> None:
    fcntl = pytest.importorskip("fcntl")
    full, flushed, synced = 51, [], []

    def control(descriptor: int, command: int) -> int:
        assert command == full
        flushed.append(descriptor)
        if not knows_it:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        return 0

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", full, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", synced.append)
    write_private(tmp_path / "file", b"text")
    assert (tmp_path / "file").read_bytes() == b"text"
    # The file, then its folder.
    assert len(flushed) == 2 and synced == ([] if knows_it else flushed)
