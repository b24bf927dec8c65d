"""The fresh folder of a run: what is brought in, and what is left of it afterwards."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from steelyard.machine import copying
from steelyard.machine.paths import DataDirectory
from steelyard.settings.run_section import Run
from steelyard.supervisor import fresh_folder, watching
from steelyard.supervisor.fresh_folder import Brought, CannotBring


class Folders:
    """A simulation's directory and the fresh folder of one run."""

    def __init__(self, root: Path) -> None:
        self.directory, self.work = root / "model", root / "work"
        self.directory.mkdir()
        self.work.mkdir()
        self.ours = watching.ours(DataDirectory(root / "data"))

    def put(self, name: str, size: int = 1) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        return path

    def fill(self, *named: str, **run: tuple[str, ...]) -> Brought:
        return fresh_folder.fill(
            str(self.work),
            str(self.directory),
            Run(workspace="fresh", **run),
            named,
            self.ours,
            lambda: True,
        )

    def tidy_up(self, brought: Brought, *, succeeded: bool = True, **run: tuple[str, ...]) -> list[str]:
        return fresh_folder.tidy_up(brought, Run(workspace="fresh", **run), self.ours, succeeded=succeeded)

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.work)) for path in self.work.rglob("*"))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_small_files_are_copied_large_ones_and_folders_linked(folders: Folders) -> None:
    folders.put("in.melt")
    folders.put("big.nc", fresh_folder.SMALL + 1)
    folders.put("data/load.csv")
    (folders.directory / "out").mkdir()
    brought = folders.fill()
    assert not (folders.work / "in.melt").is_symlink() and (folders.work / "in.melt").read_text() == "x"
    assert (folders.work / "big.nc").is_symlink()
    assert (folders.work / "data").is_symlink() and (folders.work / "data" / "load.csv").exists()
    # A folder in which nothing lies is there to be written into.
    assert (folders.work / "out").is_dir() and not (folders.work / "out").is_symlink()
    assert folders.tidy_up(brought) == []
    assert not folders.work.exists() and (folders.directory / "data" / "load.csv").exists()


def test_what_is_new_or_changed_is_left_and_the_directory_is_as_it_was(folders: Folders) -> None:
    folders.put("beam.inp")
    folders.put("same.txt")
    (folders.directory / "out").mkdir()
    brought = folders.fill()
    (folders.work / "beam.inp").write_text("changed")
    (folders.work / "beam.dat").write_text("new")
    (folders.work / "out" / "frame").write_text("new")
    assert folders.tidy_up(brought) == []
    assert folders.left() == ["beam.dat", "beam.inp", "out", "out/frame"]
    assert sorted(path.name for path in folders.directory.iterdir()) == ["beam.inp", "out", "same.txt"]
    assert (folders.directory / "beam.inp").read_text() == "x"


def test_keep_and_drop_choose_the_files_of_a_run_that_succeeded(folders: Folders) -> None:
    for succeeded, left in (
        (True, ["deep", "deep/a.dat"]),
        (False, ["b.log", "c.tmp.dat", "deep", "deep/a.dat"]),
    ):
        folders.work.mkdir(exist_ok=True)
        brought = folders.fill()
        for name in ("deep/a.dat", "b.log", "c.tmp.dat"):
            (folders.work / name).parent.mkdir(exist_ok=True)
            (folders.work / name).write_text("1")
        folders.tidy_up(brought, succeeded=succeeded, keep=("*.dat",), drop=("*.tmp.*",))
        assert folders.left() == left


def test_copy_and_link_name_what_a_run_gets_and_the_command_brings_its_own(folders: Folders) -> None:
    for name in ("in.melt", "data/a.csv", "data/b/c.csv", "big.nc", "other.txt", "run.sh"):
        folders.put(name)
    brought = folders.fill("run.sh", "--flag", "0.5", copy=("in.melt", "data/**"), link=("big.nc",))
    assert folders.left() == ["big.nc", "data", "data/a.csv", "data/b", "data/b/c.csv", "in.melt", "run.sh"]
    assert (folders.work / "big.nc").is_symlink() and not (folders.work / "data").is_symlink()
    assert not (folders.work / "data" / "a.csv").is_symlink()
    folders.tidy_up(brought)
    assert folders.left() == []


def test_a_pattern_that_chooses_nothing_is_told(folders: Folders) -> None:
    folders.put("a.txt")
    brought = folders.fill(copy=("a.txt", "b*.txt"))
    assert [remark.count('copy = "b*.txt"') for remark in brought.remarks] == [1]


def test_copy_inside_of_a_linked_folder_is_a_contradiction(folders: Folders) -> None:
    folders.put("data/a.csv")
    with pytest.raises(CannotBring, match="lies in data") as caught:
        folders.fill(copy=("data/a.csv",), link=("data",))
    assert caught.value.missing


def test_what_link_names_is_linked_whatever_patterns_of_copy_fit_it(folders: Folders) -> None:
    folders.put("big.nc")
    folders.put("deck/mesh.nc")
    folders.put("deck/in.dat")
    folders.put("maps/a/b.tif")
    brought = folders.fill(copy=("*",), link=("big.nc", "deck/mesh.nc", "maps"))
    for name in ("big.nc", "deck/mesh.nc", "maps"):
        assert (folders.work / name).is_symlink(), name
    for name in ("deck", "deck/in.dat"):
        assert (folders.work / name).exists() and not (folders.work / name).is_symlink(), name
    assert brought.remarks == []
    (folders.work / "deck" / "in.dat").write_text("mine")
    assert (folders.directory / "deck" / "mesh.nc").read_text() == "x"
    assert (folders.directory / "deck" / "in.dat").read_text() == "x"


def test_what_patterns_of_both_fit_is_copied_and_the_task_says_so(folders: Folders) -> None:
    folders.put("deck/mesh.nc")
    brought = folders.fill(copy=("deck",), link=("**/*.nc",))
    assert not (folders.work / "deck" / "mesh.nc").is_symlink()
    assert brought.remarks == ["copy and link under [run] both choose deck/mesh.nc: copied, not linked."]


def test_a_linked_file_takes_no_room_for_a_copy(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(folders.put("big.nc"), "wb") as file:
        file.truncate(fresh_folder.RESERVE)
    free = shutil.disk_usage(folders.work)._replace(free=fresh_folder.RESERVE + 10)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    folders.fill(copy=("*",), link=("big.nc",))
    assert (folders.work / "big.nc").is_symlink()


def test_a_write_through_a_link_is_told_with_what_to_state(folders: Folders) -> None:
    folders.put("data/state.bin")
    brought = folders.fill()
    (folders.work / "data" / "state.bin").write_text("of this run")
    (folders.work / "data" / "new.bin").write_text("of this run")
    [told] = folders.tidy_up(brought)
    assert told.startswith(f"data/new.bin, data/state.bin in {folders.directory} changed") and "copy" in told


def test_a_copy_of_a_file_that_may_only_be_read_can_be_written_to(folders: Folders) -> None:
    folders.put("deck.inp").chmod(0o400)
    folders.put("run.sh").chmod(0o500)
    folders.fill()
    assert stat.S_IMODE((folders.work / "deck.inp").stat().st_mode) == 0o600
    assert stat.S_IMODE((folders.work / "run.sh").stat().st_mode) == 0o700


def test_pipes_and_broken_links_are_left_out_without_waiting(folders: Folders) -> None:
    os.mkfifo(folders.directory / "pipe")
    os.symlink("nowhere", folders.directory / "broken")
    brought = folders.fill()
    assert folders.left() == [] and "pipe" in brought.remarks[0]


def test_of_very_many_small_files_some_are_linked(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_folder, "COPIED_FILES", 3)
    for number in range(5):
        folders.put(f"{number}", size=number + 1)
    folders.fill()
    assert [(folders.work / str(number)).is_symlink() for number in range(5)] == [False] * 3 + [True] * 2


def test_more_entries_than_anybody_needs_are_refused_with_what_to_state(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_folder, "TOP", 3)
    for number in range(5):
        folders.put(f"{number}")
    with pytest.raises(CannotBring, match="copy and link"):
        folders.fill()


def test_a_directory_that_is_not_there_is_named_and_not_tried_again(folders: Folders) -> None:
    folders.directory.rmdir()
    with pytest.raises(CannotBring, match=str(folders.directory)) as caught:
        folders.fill()
    assert caught.value.missing


def test_a_run_that_nobody_waits_for_is_not_filled_on(folders: Folders) -> None:
    folders.put("a")
    with pytest.raises(InterruptedError):
        fresh_folder.fill(
            str(folders.work), str(folders.directory), Run(workspace="fresh"), (), folders.ours, lambda: False
        )


@pytest.mark.parametrize("way", ["pattern", "folder", "file"])
def test_nor_amid_a_long_search_or_a_large_copy(
    folders: Folders, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "CHUNK", 1000)
    looks = 0

    def go_on() -> bool:
        nonlocal looks
        looks += 1
        return looks < 40

    folders.put("data/large", 100_000)
    for number in range(100):
        folders.put(f"data/deep/{number}")
    patterns = {"pattern": "**/*.no", "folder": "data/deep", "file": "data/large"}
    run = Run(workspace="fresh", copy=(patterns[way],))
    with pytest.raises(InterruptedError):
        fresh_folder.fill(str(folders.work), str(folders.directory), run, (), folders.ours, go_on)
    assert looks == 40


def test_our_own_data_is_neither_brought_nor_watched(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    for folder in (data.simulations / "mine", data.tasks / "t", data.logs):
        folder.mkdir(parents=True)
    (data.simulations / "mine.toml").write_text("")
    (data.simulations / "model.py").write_text("")
    (data.path / "steelyard.db").write_text("")
    folders = Folders(tmp_path)
    folders.directory = data.simulations
    brought = folders.fill()
    assert folders.left() == ["mine", "model.py"]
    folders.tidy_up(brought)
    folders.directory = tmp_path
    assert folders.ours(str(data.path)) and not folders.ours(str(tmp_path / "model"))


@pytest.mark.skipif(os.name == "nt", reason="a folder becomes a symbolic link")
def test_nothing_is_removed_through_a_link_that_the_run_put_in_the_place_of_its_folder(
    folders: Folders, tmp_path: Path
) -> None:
    """As programs do that work in a scratch folder and leave a link to it."""
    scratch = tmp_path / "scratch"
    (scratch / "sub").mkdir(parents=True)
    (scratch / "precious.txt").touch()
    (scratch / "sub" / "more.txt").touch()
    folders.put("in.melt")
    brought = folders.fill(copy=("in.melt",))
    (folders.work / "in.melt").unlink()
    folders.work.rmdir()
    folders.work.symlink_to(scratch)
    (said,) = folders.tidy_up(brought, keep=("*.dat",))
    assert "place of its folder" in said
    assert (scratch / "precious.txt").exists() and (scratch / "sub" / "more.txt").exists()


@pytest.mark.skipif(os.name == "nt", reason="a folder becomes a symbolic link")
def test_nothing_is_removed_through_a_link_in_the_place_of_a_folder_that_was_brought(
    folders: Folders, tmp_path: Path
) -> None:
    folders.put("data/load.csv")
    (folders.directory / "data" / "empty").mkdir()
    brought = folders.fill(copy=("data",))
    moved = tmp_path / "moved"
    (folders.work / "data").rename(moved)
    (folders.work / "data").symlink_to(moved)
    folders.tidy_up(brought)
    assert (moved / "load.csv").exists() and (moved / "empty").exists()


def test_patterns_choose_nothing_that_lies_in_our_own_data_or_in_what_is_rebuilt(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.ours = watching.ours(DataDirectory(folders.directory / "data"))
    for name in ("data/tasks/t/attempt-1/work/answer", "__pycache__/model.pyc", "in.melt", "sub/in.melt"):
        folders.put(name)
    folders.fill(copy=("**/*",))
    assert folders.left() == ["in.melt", "sub", "sub/in.melt"]


@pytest.fixture
def kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modes hold for root as well, who runs some of these tests: for looks into folders and for removals."""
    scandir, unlink, rmdir = os.scandir, os.unlink, os.rmdir

    def looks(path: str) -> object:
        if os.path.isdir(path) and os.lstat(path).st_mode & 0o500 != 0o500:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def only_in_an_open_folder(call: Any) -> Any:
        def removes(path: str, **more: Any) -> None:
            above = os.path.dirname(os.fspath(path))
            if "dir_fd" not in more and os.lstat(above).st_mode & 0o300 != 0o300:
                raise PermissionError(13, "Permission denied", path)
            call(path, **more)

        return removes

    monkeypatch.setattr(os, "scandir", looks)
    monkeypatch.setattr(os, "unlink", only_in_an_open_folder(unlink))
    monkeypatch.setattr(os, "rmdir", only_in_an_open_folder(rmdir))


@pytest.mark.parametrize("mode", [0, 0o555, 0o300])
@pytest.mark.usefixtures("kept_out")
def test_a_run_that_closes_its_folders_is_tidied_up_all_the_same(folders: Folders, mode: int) -> None:
    folders.put("deck")
    folders.put("data/table")
    brought = folders.fill(copy=("*",))
    (folders.work / "out").write_text("1")
    (folders.work / "data" / "own").write_text("1")
    (folders.work / "sub").mkdir()
    (folders.work / "sub" / "scratch").write_text("1")
    for folder in ("data", "sub", "."):
        (folders.work / folder).chmod(mode)
    assert folders.tidy_up(brought, drop=("scratch",)) == []
    assert folders.left() == ["data", "data/own", "out"]


def test_what_cannot_be_removed_is_said_in_one_sentence_and_hinders_nothing(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        folders.put(f"deck{number}")
    brought = folders.fill()
    for name in ("scratch", "kept"):
        (folders.work / name).write_text("1")
    unlink = os.unlink

    def refuses(path: str, **more: Any) -> None:
        if os.path.basename(path) not in ("deck3", "deck4"):
            raise PermissionError(13, "Permission denied", path)
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", refuses)
    [said] = folders.tidy_up(brought, keep=("kept",))
    assert said == ("Not removed from the run's folder: deck0, deck1, deck2 and 1 more (Permission denied).")
    assert folders.left() == ["deck0", "deck1", "deck2", "kept", "scratch"]


@pytest.mark.parametrize("pattern", ["data", "**/*", "data/**"])
@pytest.mark.usefixtures("kept_out")
def test_a_folder_that_cannot_be_read_is_told(folders: Folders, pattern: str) -> None:
    folders.put("data/open/table")
    folders.put("data/closed/table")
    (folders.directory / "data" / "closed").chmod(0o300)
    brought = folders.fill(copy=(pattern,))
    assert brought.remarks == ["Left out of the run's folder, for it cannot be read: data/closed."]
    assert (folders.work / "data" / "open" / "table").exists()


@pytest.mark.usefixtures("kept_out")
def test_a_folder_that_cannot_be_read_is_linked_where_folders_are(folders: Folders) -> None:
    (folders.directory / "closed").mkdir(0o300)
    assert list(folders.fill().links) == ["closed"]


def test_names_that_the_disk_cannot_tell_apart_are_refused(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory lies on a disk that tells Deck from deck, the data directory on one that does not."""
    folders.put("data/deck")
    folders.put("data/Deck")
    target = fresh_folder._Filling._target

    def folded(self: Any, path: str) -> str:
        return target(self, path.lower())

    monkeypatch.setattr(fresh_folder._Filling, "_target", folded)
    with pytest.raises(CannotBring, match="data/Deck and another") as caught:
        folders.fill(copy=("data",))
    assert caught.value.missing


@pytest.mark.parametrize("copy", ["tables", "*"])
def test_a_link_to_a_folder_that_copy_names_outright_is_copied(folders: Folders, copy: str) -> None:
    """A run may write there, as into all that is copied. What a pattern comes upon stays a link."""
    elsewhere = folders.directory.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "steel").write_text("as it was")
    (elsewhere / "up").symlink_to(elsewhere, target_is_directory=True)
    (folders.directory / "tables").symlink_to(elsewhere, target_is_directory=True)
    brought = folders.fill(copy=(copy,))
    (folders.work / "tables" / "steel").write_text("mine")
    assert ((elsewhere / "steel").read_text() == "as it was") is (copy == "tables")
    assert list(brought.links) == (["tables/up"] if copy == "tables" else ["tables"])
    told = folders.tidy_up(brought)
    assert (told == []) is (copy == "tables")
    assert folders.left() == (["tables", "tables/steel"] if copy == "tables" else [])
