"""A folder for the temporary files of one run."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from steelyard.machine import temporary


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "place"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


def test_it_is_private_and_goes_with_all_that_is_in_it(place: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    folder = Path(temporary.make(note))
    assert folder.parent == place and stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "deep").mkdir()
    (folder / "deep" / "left").write_text("1")
    temporary.remove(note)
    assert not folder.exists() and not note.exists()
    temporary.remove(note)


def test_a_copied_note_removes_nothing_of_the_original(place: Path, tmp_path: Path) -> None:
    """A data directory that is copied while its runs go on has a copy of each note."""
    note = tmp_path / "note"
    folder = Path(temporary.make(note))
    copy = tmp_path / "copy"
    copy.write_bytes(note.read_bytes())
    temporary.remove(copy)
    assert folder.is_dir() and not copy.exists()
    temporary.remove(note)
    assert not folder.exists()


def test_two_runs_never_share_one(place: Path, tmp_path: Path) -> None:
    assert temporary.make(tmp_path / "one") != temporary.make(tmp_path / "two")


def test_what_a_run_writes_into_its_note_removes_nothing_else(place: Path, tmp_path: Path) -> None:
    note, victim = tmp_path / "note", tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("1")
    note.write_text("")
    link = place / f"sy-{note.stat().st_ino:x}-link"
    os.symlink(victim, link)
    for told in (str(victim), str(link), "sy-relative", "\0", "/", ""):
        note.write_text(told)
        temporary.remove(note)
    note.unlink(missing_ok=True)
    os.mkfifo(note)
    temporary.remove(note)
    assert (victim / "kept").exists()


def test_a_full_disk_leaves_no_folder_behind(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError):
        temporary.make(note)
    assert list(place.iterdir()) == []
