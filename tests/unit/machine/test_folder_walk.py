"""A walk of a folder has an end, follows no link, and survives what it meets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.machine import folder_walk
from steelyard.machine.folder_walk import walk


def names(folder: Path, most: int = 100, counted: int = 1_000) -> list[str]:
    """The names that a walk lists."""
    return [file.name for file in walk(folder, most, counted).files]


def test_the_files_of_a_folder_come_before_those_of_the_folders_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("z.txt", "y.txt", "a/2.txt", "a/1.txt", "a/b/3.txt"):
        (tmp_path / name).write_text("12345")
    found = walk(tmp_path, 100, 1_000)
    assert [file.name for file in found.files] == ["y.txt", "z.txt", "a/1.txt", "a/2.txt", "a/b/3.txt"]
    assert found.total == 5 and not found.cut and {file.size for file in found.files} == {5}


def test_what_is_no_regular_file_is_left_out_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "secret.txt").touch()
    (tmp_path / "out" / "file").touch()
    (tmp_path / "out" / "to file").symlink_to("file")
    (tmp_path / "out" / "to folder").symlink_to(tmp_path / "away")
    (tmp_path / "out" / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "out" / "pipe")
    assert names(tmp_path / "out") == ["file"]
    assert names(tmp_path / "out" / "to folder") == []


def test_a_folder_that_is_not_there_or_may_not_be_read_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walk(tmp_path / "nowhere", 10, 10) == folder_walk.Listing((), 0)
    (tmp_path / "shut").mkdir()
    (tmp_path / "open.txt").touch()
    scandir = os.scandir

    def refuses(path: str) -> object:
        if path.endswith("shut/"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert names(tmp_path) == ["open.txt"]


@pytest.mark.parametrize(
    ("most", "counted", "listed", "total", "cut"),
    [(12, 50, 12, 12, False), (5, 50, 5, 12, True), (50, 13, 12, 12, False), (50, 6, 5, 5, True)],
)
def test_a_walk_stops_listing_and_counting_and_says_so(
    tmp_path: Path, most: int, counted: int, listed: int, total: int, cut: bool
) -> None:
    (tmp_path / "one").mkdir()
    for number in range(4):
        (tmp_path / f"{number}").touch()
    for number in range(8):
        (tmp_path / "one" / f"{number}").touch()
    found = walk(tmp_path, most, counted)
    assert (len(found.files), found.total, found.cut) == (listed, total, cut)


def test_a_folder_without_a_bottom_is_left_at_a_depth(tmp_path: Path) -> None:
    deepest = tmp_path
    for _ in range(folder_walk.DEEPEST + 5):
        deepest = deepest / "d"
    deepest.mkdir(parents=True)
    (deepest / "file").touch()
    found = walk(tmp_path, 10, 1_000)
    assert found.files == () and found.cut
