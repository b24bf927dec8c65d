"""Logs that rotate while they are written, and how they are read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.machine import logs
from steelyard.machine.logs import OutputLog, RotatingFile


def test_a_file_rotates_while_it_is_written(tmp_path: Path) -> None:
    log = RotatingFile(str(tmp_path / "x.log"), limit=100, backups=3)
    for number in range(100):
        log.write(b"%09d\n" % number)
    log.close()
    names = ["x.log.3", "x.log.2", "x.log.1", "x.log"]
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    kept = b"".join((tmp_path / name).read_bytes() for name in names)
    assert kept == b"".join(b"%09d\n" % number for number in range(60, 100))
    assert (tmp_path / "x.log").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_there_is_continued(tmp_path: Path) -> None:
    for _ in range(2):
        log = RotatingFile(str(tmp_path / "x.log"), limit=100, backups=1)
        log.write(b"line\n")
        log.close()
    assert (tmp_path / "x.log").read_bytes() == b"line\nline\n"


def test_without_backups_it_begins_anew(tmp_path: Path) -> None:
    log = RotatingFile(str(tmp_path / "x.log"), limit=10, backups=0)
    for _ in range(3):
        log.write(b"12345678\n")
    log.close()
    assert os.listdir(tmp_path) == ["x.log"]
    assert (tmp_path / "x.log").read_bytes() == b"12345678\n"


def test_a_descriptor_is_led_to_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    descriptor = os.open(tmp_path / "elsewhere", os.O_WRONLY | os.O_CREAT)
    log = RotatingFile(str(path), limit=20, backups=1, descriptor=descriptor)
    log.write(b"0123456789\n")
    log.write(b"rotated...\n")
    os.write(descriptor, b"direct\n")
    os.close(descriptor)
    assert path.read_bytes() == b"rotated...\ndirect\n"
    assert (tmp_path / "x.log.1").read_bytes() == b"0123456789\n"


def test_a_full_disk_raises_nothing(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "x.log")
    log = RotatingFile(str(tmp_path / "x.log"), limit=100, backups=1)
    log.write(b"line\n")
    log.close()
    assert log.failures == 1


def test_a_folder_that_goes_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.write_text("in its place")
    log = RotatingFile(str(folder / "x.log"), limit=100, backups=1)
    log.write(b"lost\n")
    assert log.failures
    folder.unlink()
    log.write(b"kept\n")
    assert (folder / "x.log").read_bytes() == b"kept\n"
    shutil.rmtree(folder)
    log.write(b"anew\n")
    log.close()
    assert (folder / "x.log").read_bytes() == b"anew\n"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "HEAD", 100)
    monkeypatch.setattr(logs, "LAST", 300)
    monkeypatch.setattr(logs, "_PART", 50)


def output(length: int) -> bytes:
    """Bytes that differ at every place."""
    return b"".join(b"%09d\n" % number for number in range(length // 10 + 1))[:length]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("piece", [1, 7, 50, 99, 100, 101, 1000, 5000])
def test_the_beginning_and_the_end_are_kept(tmp_path: Path, piece: int) -> None:
    whole = output(2345)
    log = OutputLog(str(tmp_path))
    for start in range(0, len(whole), piece):
        log.write(whole[start : start + piece])
    log.close()
    folder = str(tmp_path)
    assert logs.size(folder) == log.size == 2345
    assert logs.read_range(folder, 0, 1000) == whole[:100]
    first = logs.kept_from(folder, 100)
    assert 2345 - 350 <= first <= 2345 - 300
    assert logs.read_range(folder, first, 10_000) == whole[first:]
    assert logs.read_range(folder, 150, 20) == whole[first : first + 20]
    assert logs.read_range(folder, 2345, 10) == b"" == logs.read_range(folder, 99_999, 10)
    assert logs.kept_from(folder, 99_999) == 2345
    assert logs.read_tail(folder, 50) == whole[-50:].decode()
    assert sum(end - start for start, end, _ in logs.parts(folder)) <= 100 + 350


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 3000), st.integers(1, 500))
def test_a_range_is_what_was_written(pieces: list[int], offset: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name, value in (("HEAD", 100), ("LAST", 300), ("_PART", 50)):
            patch.setattr(logs, name, value)
        whole = output(sum(pieces))
        log = OutputLog(folder)
        at = 0
        for piece in pieces:
            log.write(whole[at : at + piece])
            at += piece
        log.close()
        first = logs.kept_from(folder, offset)
        found = logs.read_range(folder, offset, limit)
        assert found == whole[first : first + len(found)]
        assert found or first == len(whole)


def test_read_from_an_offset_to_the_end_in_steps(tmp_path: Path, small: None) -> None:
    log = OutputLog(str(tmp_path))
    log.write(output(90))
    assert logs.read_range(str(tmp_path), 0, 1000) == output(90)
    log.write(output(300)[90:])
    assert logs.read_range(str(tmp_path), 90, 1000) == output(300)[90:]
    log.close()


def test_a_name_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    for name in ("output.txt", "output.old.log", "outputs.log", "output.log.gz", "output..log"):
        (tmp_path / name).write_text("x")
    assert logs.parts(str(tmp_path)) == []
    assert logs.parts(str(tmp_path / "nowhere")) == [] and logs.size(str(tmp_path / "nowhere")) == 0
    assert logs.read_tail(str(tmp_path / "nowhere"), 100) == ""


def test_the_tail_is_text(tmp_path: Path) -> None:
    log = OutputLog(str(tmp_path))
    log.write("é\N{SNOWMAN}".encode() * 500 + b"\xff\x00end")
    log.close()
    assert logs.read_tail(str(tmp_path), 6) == "é\N{SNOWMAN}\ufffdend"
    assert logs.read_tail(str(tmp_path), 0) == ""


def test_what_is_lost_is_counted_and_shows_as_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = OutputLog(str(tmp_path))
    log.write(b"before")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        log.write(b"lost!")
    log.write(b"after")
    log.close()
    assert os.write is real
    assert (log.size, log.lost, log.error) == (16, 5, "No space left on device")
    folder = str(tmp_path)
    assert logs.read_range(folder, 0, 100) == b"before"
    assert logs.kept_from(folder, 7) == 11
    assert logs.read_range(folder, 7, 100) == b"after"
    assert logs.read_tail(folder, 100) == "beforeafter"


def test_a_full_disk_makes_one_empty_file_and_not_one_for_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = OutputLog(str(tmp_path))
    log.write(b"before\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        for _ in range(1_000):
            log.write(b"lost\n")
        assert len(os.listdir(tmp_path)) == 2
    log.write(b"after\n")
    log.write(b"and on\n")
    log.close()
    assert sorted(os.listdir(tmp_path)) == [f"output.{5_007:015}.log", "output.log"]
    assert (log.size, log.lost) == (5_020, 5_000)
    assert logs.read_tail(str(tmp_path), 10_000) == "before\nafter\nand on\n"


def test_a_disk_without_room_for_a_file_costs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = OutputLog(str(tmp_path))
    log.write(b"before\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        log.write(b"lost\n")
        patch.setattr(os, "open", refuse)
        for _ in range(10):
            log.write(b"lost\n")
    log.write(b"after\n")
    log.close()
    assert len(os.listdir(tmp_path)) <= 2
    assert logs.read_tail(str(tmp_path), 100) == "before\nafter\n"


def refuse(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_parts_to_which_nothing_could_be_written_are_passed_over(tmp_path: Path) -> None:
    """A full disk leaves an empty file for each write that failed: what came after it is still read, once."""
    (tmp_path / "output.log").write_bytes(b"before\n")
    for offset in (100, 500, 880):
        (tmp_path / f"output.{offset:015}.log").touch()
    (tmp_path / f"output.{900:015}.log").write_bytes(b"after\n")
    folder = str(tmp_path)
    assert [logs.kept_from(folder, offset) for offset in (0, 7, 450, 890, 906)] == [0, 900, 900, 900, 906]
    assert logs.read_range(folder, 450, 1_000) == b"after\n"
    assert logs.read_tail(folder, 100) == "after\n"
    assert logs.read_tail(folder, 1_000) == "before\nafter\n"
