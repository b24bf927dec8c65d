"""A folder for the temporary files of one run."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from steelyard.machine import temporary


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(temporary, "_LONGEST", 1000)
    return tmp_path


def test_it_is_private_made_anew_and_goes_with_all_that_is_in_it(place: Path) -> None:
    folder = Path(temporary.folder_for("data", "task", "1"))
    assert folder.parent == place and folder != Path(temporary.folder_for("data", "task", "2"))
    temporary.make(str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "left").write_text("1")
    temporary.make(str(folder))
    assert list(folder.iterdir()) == []
    (folder / "deep").mkdir()
    (folder / "deep" / "left").write_text("1")
    assert temporary.remove(str(folder)) is None and not folder.exists()
    assert temporary.remove(str(folder)) is None


def test_what_somebody_else_put_there_is_neither_used_nor_followed(place: Path) -> None:
    """The name could be guessed: in a place that all write to, a link may wait under it."""
    victim = place / "victim"
    victim.mkdir()
    (victim / "kept").write_text("1")
    folder = temporary.folder_for("data", "task", "1")
    os.symlink(victim, folder)
    with pytest.raises(FileExistsError):
        temporary.make(folder)
    assert isinstance(temporary.remove(folder), FileExistsError)
    assert (victim / "kept").exists()


def test_a_deep_place_is_left_for_a_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMPI and others put sockets in there, whose path may hold 107 bytes."""
    deep = tmp_path / ("x" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(deep))
    assert len(temporary.folder_for("data", "task", "1")) < 60
