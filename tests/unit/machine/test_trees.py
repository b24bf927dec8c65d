"""What changed in a folder while something ran."""

from __future__ import annotations

import os
from pathlib import Path

from steelyard.machine import trees


def changes(root: Path, then: object, limit: int = 1000) -> list[str]:
    before = trees.look(str(root), limit)
    for entry in root.rglob("*"):
        os.utime(entry, ns=(1, 1), follow_symlinks=False)
    os.utime(root, ns=(1, 1))
    before = trees.look(str(root), limit)
    then()  # type: ignore[operator]
    return trees.written(before, trees.look(str(root), limit))


def test_new_and_changed_files_are_named_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "old").write_text("1")
    (tmp_path / "same").write_text("1")

    def run() -> None:
        (tmp_path / "a" / "b" / "old").write_text("22")
        (tmp_path / "new").write_text("1")

    assert changes(tmp_path, run) == ["a/b/old", "new"]


def test_a_file_of_the_same_size_and_one_that_came_and_went_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    (tmp_path / "a").mkdir()

    def run() -> None:
        (tmp_path / "old").write_text("2")
        (tmp_path / "a" / "scratch").write_text("1")
        (tmp_path / "a" / "scratch").unlink()

    assert changes(tmp_path, run) == ["old", "a/"]


def test_what_python_rebuilds_and_environments_hold_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "model.py").write_text("")

    def run() -> None:
        (tmp_path / "__pycache__").mkdir()
        (tmp_path / "__pycache__" / "model.pyc").write_text("1")
        (tmp_path / ".venv" / "lib" / "x.pyc").write_text("1")

    assert changes(tmp_path, run) == []


def test_only_reading_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    assert changes(tmp_path, lambda: (tmp_path / "old").read_text()) == []


def test_a_look_ends_at_its_limit_and_follows_no_link(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_text("1")
    assert trees.look(str(tmp_path), 10).whole is False
    (tmp_path / "links").mkdir()
    os.symlink(tmp_path, tmp_path / "links" / "round")
    seen = trees.look(str(tmp_path), 1000)
    assert seen.whole and "links/round" in seen.files


def test_names_that_are_no_text_can_be_told(tmp_path: Path) -> None:
    assert trees.names([os.fsdecode(b"a\xff"), "/"]) == ("a\ufffd", "the folder itself")
