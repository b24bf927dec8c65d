"""Only regular files are opened, whatever lies under their name, and never more of them than asked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from steelyard.machine.regular_files import Unreadable, open_below, open_regular, read_regular


def lay_out(folder: Path) -> None:
    """One of each kind of thing that can have the name of a file."""
    (folder / "file").write_bytes(b"12345")
    (folder / "folder").mkdir()
    (folder / "folder" / "in it").write_bytes(b"below")
    os.mkfifo(folder / "pipe")
    (folder / "to file").symlink_to("file")
    (folder / "to pipe").symlink_to("pipe")
    (folder / "to folder").symlink_to("folder")
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("gone")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder)  # The path of a socket is short.
        listener.bind("socket")
        os.chdir(here)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "is a folder"),
        ("pipe", "is a named pipe"),
        ("socket", "is a socket"),
        ("to file", "is a link"),
        ("nowhere", "is a link"),
        ("loop", "is a link"),
        ("gone", "is not there"),
        ("file/below", "is not there"),
        ("a\0b", "cannot be read"),
        ("x" * 3_000, "cannot be read"),
    ],
)
def test_what_is_no_regular_file_is_said_to_be_what_it_is(tmp_path: Path, name: str, why: str) -> None:
    lay_out(tmp_path)
    with pytest.raises(Unreadable, match=f"^{why}"):
        read_regular(f"{tmp_path}/{name}", 100)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device file")
def test_a_device_is_not_opened() -> None:
    with pytest.raises(Unreadable, match="is a device"):
        read_regular("/dev/zero", 100)


def test_a_link_is_followed_for_whom_says_so_and_still_leads_to_a_regular_file(tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert read_regular(tmp_path / "to file", 5, links=True) == b"12345"
    for name in ("to pipe", "to folder", "loop", "nowhere"):
        with pytest.raises(Unreadable):
            open_regular(tmp_path / name, links=True)


def test_no_more_is_read_than_was_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 2_049)
    assert len(read_regular(tmp_path / "file", 2_049)) == 2_049
    with pytest.raises(Unreadable, match="larger than 2 KiB"):
        read_regular(tmp_path / "file", 2_048)


def test_a_file_below_a_folder_is_reached_without_a_link(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with open_below(tmp_path, "folder", "in it") as file:
        assert file.read() == b"below"
    for parts in (
        *(("to folder", "in it"), ("folder", "..", "file"), ("folder", ""), ("folder/in it",), ()),
        *(("to file",), ("pipe",), ("folder",), ("folder", "gone"), ("/etc/passwd",), ("a\0b",)),
    ):
        with pytest.raises(Unreadable):
            open_below(tmp_path, *parts)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_no_descriptor_stays_open_after_a_refusal(tmp_path: Path) -> None:
    lay_out(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for name in ("folder", "pipe", "to file", "gone"):
        with pytest.raises(Unreadable):
            open_below(tmp_path, name)
        with pytest.raises(Unreadable):
            open_regular(tmp_path / name)
    assert len(os.listdir("/proc/self/fd")) == before
