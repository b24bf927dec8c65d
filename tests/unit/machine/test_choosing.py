"""What a pattern chooses below a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.machine.choosing import choose


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("deck.inp", "data/load.csv", "data/2030/load.csv", "data/2030/a[1].csv", ".hidden/x.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (tmp_path / "data" / "self").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken.csv").symlink_to("nowhere")
    return tmp_path


def chosen(root: Path, pattern: str) -> list[str]:
    return sorted(set(choose(str(root), pattern, lambda: None)))


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.csv",
        "deck.inp",
        "none.inp",
        "data",
        "data/",
        "./data/*.csv",
        "**/*.csv",
        "**/load.csv",
        "**/2030/*",
        "data/**/*.csv",
        "data/*/load.csv",
        "data/[0-9]*/?oad.csv",
        "**/**/*.csv",
        "**/data/**/*.csv",
        "*/self/*",
        "data/2030/a[[]1].csv",
        "deck.inp/*",
        "deck.inp/**/*",
    ],
)
def test_as_pathlib_does(root: Path, pattern: str) -> None:
    assert chosen(root, pattern) == sorted({str(path.relative_to(root)) for path in root.glob(pattern)})


def test_two_stars_alone_are_the_folders(root: Path) -> None:
    assert chosen(root, "data/**") == ["data", "data/2030"]


def test_whoever_waits_no_longer_is_not_kept_by_folders_in_which_nothing_fits(root: Path) -> None:
    looks = 0

    def pause() -> None:
        nonlocal looks
        looks += 1
        if looks > 3:
            raise InterruptedError

    for number in range(20):
        (root / "data" / f"deep{number}").mkdir()
    with pytest.raises(InterruptedError):
        list(choose(str(root), "**/*.nothing", pause))
    assert looks == 4


def test_a_folder_that_may_not_be_read_holds_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuses(path: str) -> object:
        if path == str(root / "data"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert chosen(root, "**/*.csv") == [".hidden/x.csv", "broken.csv"]
