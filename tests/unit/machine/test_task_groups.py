"""Control groups of workers, over made-up machines; with the kernel's own in tests/process/test_held.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.machine import task_groups
from steelyard.machine.memory.oom import oom_kills
from steelyard.machine.task_groups import OURS, Counted, Group, Groups, most_held, open_groups
from tests.fakes.linux_tree import LinuxTree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' files")

MIB = 2**20


@pytest.fixture
def machine(tmp_path: Path) -> LinuxTree:
    return LinuxTree(tmp_path)


@pytest.fixture
def delegated(machine: LinuxTree, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The group of a service with Delegate=, and only this process in it."""
    machine.version_2("/user.slice/steelyard.service")
    group = machine.root / "sys/fs/cgroup/user.slice/steelyard.service"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr(
        task_groups.os, "getxattr", lambda path, name: b"1" if name == "user.delegate" else b"", raising=False
    )
    return group


def test_what_systemd_has_delegated_is_divided_into_leaves(machine: LinuxTree, delegated: Path) -> None:
    assert isinstance(open_groups(machine.root), Groups)
    assert (delegated / OURS / "cgroup.procs").read_text() == str(os.getpid())
    assert (delegated / "cgroup.subtree_control").read_text() == "+memory"


def test_where_others_are_in_the_group_nobody_is_moved(machine: LinuxTree, delegated: Path) -> None:
    (delegated / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    assert open_groups(machine.root) == "other processes are in its group"
    assert not (delegated / OURS).exists()


def test_a_group_that_is_not_ours_is_left_alone(
    machine: LinuxTree, delegated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(path: object, name: str) -> bytes:
        raise OSError(61, "No data available")

    monkeypatch.setattr(task_groups.os, "getxattr", none)
    assert open_groups(machine.root) == "its group was not delegated (systemd: Delegate=memory)"


def test_what_cannot_be_divided_is_as_it_was(machine: LinuxTree, delegated: Path) -> None:
    (delegated / "cgroup.subtree_control").mkdir()
    said = open_groups(machine.root)
    assert isinstance(said, str) and said.startswith("its group cannot be divided")
    assert (delegated / "cgroup.procs").read_text() == str(os.getpid())


def test_version_1_is_divided_where_it_is_asked_for_and_limits_reach_below(machine: LinuxTree) -> None:
    machine.version_1("memory", "/app")
    group = "/sys/fs/cgroup/memory/app"
    machine.write(f"{group}/cgroup.procs", "1\n")
    machine.write(f"{group}/memory.use_hierarchy", "0\n")
    assert open_groups(machine.root) == "version 1 delegates none"
    assert open_groups(machine.root, only_delegated=False) == "limits would not reach into groups below"
    machine.write(f"{group}/memory.use_hierarchy", "1\n")
    assert isinstance(open_groups(machine.root, only_delegated=False), Groups)


def test_a_group_holds_no_files_and_what_was_swapped_out(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(
        f"anon {50 * MIB}\nfile {30 * MIB}\nshmem {20 * MIB}\nslab_reclaimable {3 * MIB}\n"
    )
    (tmp_path / "memory.swap.current").write_text(f"{7 * MIB}\n")
    (tmp_path / "memory.peak").write_text(f"{90 * MIB}\n")
    assert Group(tmp_path, "cgroup v2").counted() == Counted(77 * MIB, 13 * MIB, 90 * MIB)
    (tmp_path / "memory.stat").write_text(
        f"rss 1\ntotal_rss {50 * MIB}\ntotal_cache {30 * MIB}\ntotal_shmem {20 * MIB}\ntotal_swap {7 * MIB}\n"
    )
    assert Group(tmp_path, "cgroup v1").counted() == Counted(77 * MIB, 10 * MIB, None)
    (tmp_path / "memory.stat").unlink()
    assert Group(tmp_path, "cgroup v1").counted() is None


def test_where_the_kernel_refuses_there_is_none_and_nothing_stays(tmp_path: Path) -> None:
    # No controller here: a folder like any other, in which nothing can be counted.
    assert Groups(tmp_path, "cgroup v1").make("w1", 1) is None


def test_what_earlier_sidecars_left_goes_unless_somebody_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "steelyard-gone").mkdir()
    (tmp_path / "steelyard-busy" / "tasks").mkdir(parents=True)
    (tmp_path / "of somebody else").mkdir()
    assert Groups(tmp_path, "cgroup v1").sweep() == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["of somebody else", "steelyard-busy"]


@pytest.mark.parametrize(
    ("most", "before", "files", "held"),
    [
        (500, 100, 10, 470),  # 20 of others, 10 of files
        (500, 500, 10, 0),  # it did not rise: an earlier task's
        (500, 100, 300, 0),  # too many files to tell
        (None, 0, 0, 0),
    ],
)
def test_the_kernels_peak_tells_where_few_files_are_in_it(
    most: int | None, before: int, files: int, held: int
) -> None:
    counted = Counted(30 * MIB, 5 * MIB, None if most is None else most * MIB)
    assert most_held(counted, before * MIB, files * MIB, 20 * MIB) == held * MIB


def test_kills_in_groups_of_workers_are_ours(machine: LinuxTree) -> None:
    machine.version_1("memory", "/app")
    machine.write("/sys/fs/cgroup/memory/app/memory.oom_control", "oom_kill 1\n")
    machine.write("/sys/fs/cgroup/memory/app/steelyard-w1/memory.oom_control", "oom_kill 2\n")
    assert oom_kills(machine.root) == {"control group": 3}


def test_kills_beside_our_own_leaf_are_ours(machine: LinuxTree) -> None:
    machine.version_2(f"/app/{OURS}")
    machine.write(f"/sys/fs/cgroup/app/{OURS}/memory.events", "oom_kill 0\n")
    machine.write("/sys/fs/cgroup/app/memory.events", "oom_kill 2\n")
    assert oom_kills(machine.root) == {"control group": 2}
