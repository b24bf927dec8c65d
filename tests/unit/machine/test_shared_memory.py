"""What lies in /dev/shm and is used by nobody."""

from __future__ import annotations

import mmap
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine.shared_memory import Unused, unused

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/shm")


@pytest.fixture
def segment() -> Iterator[Path]:
    """A file of 8 KiB there, which nobody has open."""
    path = Path("/dev/shm") / f"steelyard-test-{uuid.uuid4().hex}"
    path.write_bytes(b"x" * 8192)
    yield path
    path.unlink(missing_ok=True)


def mine(path: Path, since: float = 0.0) -> list[Unused]:
    return [one for one in unused(since) if one.path == str(path)]


def test_a_file_that_nobody_uses_is_found_with_what_it_takes(segment: Path) -> None:
    assert mine(segment) == [Unused(str(segment), 8192)]


def test_one_that_is_open_or_mapped_is_in_use(segment: Path) -> None:
    with open(segment, "r+b") as file:
        assert not mine(segment)
        mapped = mmap.mmap(file.fileno(), 0)
    assert not mine(segment)
    mapped.close()
    assert mine(segment)


def test_only_what_was_made_since_then_counts(segment: Path) -> None:
    old = time.time() - 100
    os.utime(segment, (old, old))
    assert not mine(segment, since=old + 50)
    assert mine(segment, since=old - 50)


def test_files_in_folders_count_and_links_do_not(tmp_path: Path) -> None:
    (tmp_path / "joblib").mkdir()
    (tmp_path / "joblib" / "array.pkl").write_bytes(b"x" * 20_000)
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "small")
    os.mkfifo(tmp_path / "fifo")
    found = [os.path.relpath(one.path, tmp_path) for one in unused(folder=str(tmp_path))]
    assert found == ["joblib/array.pkl", "small"]


def test_no_folder_is_no_error(tmp_path: Path) -> None:
    assert unused(folder=str(tmp_path / "nowhere")) == []
