"""Links, and removing without following them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from steelyard.machine import links


def test_a_link_leads_to_its_source_and_removing_it_leaves_that(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "in").write_text("1")
    file.write_text("2")
    for source in (folder, file):
        target = tmp_path / f"to-{source.name}"
        links.link(str(source), str(target))
        assert os.path.realpath(target) == str(source)
        links.remove(str(target))
        assert not os.path.lexists(target) and source.exists()


def test_a_tree_goes_with_links_in_it_but_not_what_they_lead_to(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    (outside / "kept").write_text("1")
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "file").write_text("2")
    links.link(str(outside), str(tree / "a" / "link"))
    os.symlink("nowhere", tree / "a" / "broken")
    assert links.remove_tree(str(tree)) is None
    assert not tree.exists() and (outside / "kept").read_text() == "1"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to become another user"
)
def test_folders_that_keep_their_owner_out_go_too(tmp_path: Path) -> None:
    """Some programs make what they unpack read-only: Go's modules, conda's packages."""
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("2")
    for path in (tree, tree / "a", tree / "a" / "b", tree / "a" / "b" / "file"):
        os.chown(path, 65534, 65534)
    for path in (tree / "a" / "b", tree / "a"):
        path.chmod(0o400)
    os.chown(tmp_path, 65534, 65534)
    pid = os.fork()
    if pid == 0:
        os.chdir(tmp_path)  # what is above it is root's alone
        os.setuid(65534)
        os._exit(0 if links.remove_tree("tree") is None else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert not tree.exists()


def test_what_is_not_there_needs_no_removing(tmp_path: Path) -> None:
    assert links.remove_tree(str(tmp_path / "none")) is None
    assert links.is_folder(str(tmp_path)) and not links.is_folder(str(tmp_path / "none"))


@pytest.mark.skipif(os.name == "nt", reason="a folder becomes a symbolic link")
def test_a_link_in_the_place_of_a_tree_leaves_what_it_leads_to_as_it_is(tmp_path: Path) -> None:
    closed = tmp_path / "elsewhere" / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0o500)
    (tmp_path / "tree").symlink_to(tmp_path / "elsewhere")
    assert links.remove_tree(str(tmp_path / "tree")) is not None
    assert stat.S_IMODE(closed.stat().st_mode) == 0o500
    closed.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="a folder becomes a symbolic link")
def test_folders_behind_a_link_are_not_a_folders_own(tmp_path: Path) -> None:
    (tmp_path / "own" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    below = ["own", "own/below", "link", "link/below", "gone"]
    assert links.own_folders(str(tmp_path), below) == ["", "own", "own/below"]
    assert links.own_folders(str(tmp_path / "link"), ["below"]) == []
