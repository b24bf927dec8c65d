"""Copies of large files: whole, with their holes, and given up on demand."""

from __future__ import annotations

import errno
import os
import random
import stat
from pathlib import Path

import pytest

from steelyard.machine import copying
from steelyard.machine.copying import copy, takes

MIB = 1024 * 1024


def always() -> bool:
    return True


@pytest.fixture(params=["by the kernel", "by us"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to copy; a kernel that cannot says so in one of many words."""
    if request.param == "by us":

        def cannot(*_: object) -> int:
            raise OSError(random.choice([errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EPERM]), "cannot")

        monkeypatch.setattr(os, "copy_file_range", cannot, raising=False)
    return str(request.param)


@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 7])
def test_a_copy_is_the_file_with_its_mode_and_times(
    tmp_path: Path, way: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "CHUNK", MIB)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(random.randbytes(size))
    source.chmod(0o750)
    os.utime(source, ns=(1_000_000_123, 2_000_000_456))
    copy(str(source), str(target), always)
    assert target.read_bytes() == source.read_bytes()
    one, other = source.stat(), target.stat()
    assert (one.st_mode, one.st_mtime_ns) == (other.st_mode, other.st_mtime_ns)


@pytest.mark.parametrize("end", [0, 64 * MIB])
def test_holes_take_nothing(tmp_path: Path, way: str, end: int) -> None:
    """The file of an LMDB database is as long as it may become."""
    source, target = tmp_path / "source", tmp_path / "target"
    with open(source, "wb") as file:
        file.write(b"begin")
        file.seek(32 * MIB)
        file.write(b"middle")
        file.truncate(max(end, file.tell()))
    copy(str(source), str(target), always)
    assert target.read_bytes() == source.read_bytes()
    assert takes(source.stat()) < MIB and takes(target.stat()) < MIB


def test_one_hole_is_as_long_in_the_copy(tmp_path: Path, way: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.touch()
    os.truncate(source, 5 * MIB)
    copy(str(source), str(target), always)
    assert target.stat().st_size == 5 * MIB and takes(target.stat()) == 0


def test_it_is_given_up_in_its_midst(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", MIB)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(random.randbytes(8 * MIB))
    looks: list[int] = []

    def go_on() -> bool:
        looks.append(target.stat().st_size)
        return len(looks) < 4

    with pytest.raises(InterruptedError):
        copy(str(source), str(target), go_on)
    assert looks == [0, MIB, 2 * MIB, 3 * MIB]


def test_a_full_disk_is_not_tried_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    source = tmp_path / "source"
    source.write_bytes(b"1")
    with pytest.raises(OSError, match="No space") as raised:
        copy(str(source), str(tmp_path / "target"), always)
    assert raised.value.errno == errno.ENOSPC


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "source")
    with pytest.raises(OSError, match="no file any more"):
        copy(str(tmp_path / "source"), str(tmp_path / "target"), always)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the kernel's own files are in /proc")
def test_a_file_that_does_not_tell_its_size_is_copied(tmp_path: Path) -> None:
    copy("/proc/self/mounts", str(tmp_path / "target"), always)
    assert (tmp_path / "target").read_bytes() == Path("/proc/self/mounts").read_bytes()


def test_what_may_only_be_read_may_only_be_read_in_the_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"1")
    source.chmod(0o444)
    copy(str(source), str(target), always)
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
