"""Cores: threads that share one, and what a control group leaves of them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from steelyard.machine.processes import physical_cores
from tests.fakes.linux_tree import LinuxTree


def siblings(tree: LinuxTree, *groups: str) -> None:
    """Which logical processors share a core: "0-1" for 0 and 1."""
    for group in groups:
        for number in range(int(group[0]), int(group[-1]) + 1):
            tree.write(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list", f"{group}\n")


def test_two_threads_of_a_core_are_one(tmp_path: Path) -> None:
    siblings(LinuxTree(tmp_path), "0-1", "2-3", "4-5")
    assert physical_cores(tmp_path, range(6)) == 3
    assert physical_cores(tmp_path, [0, 2]) == 2
    assert physical_cores(tmp_path, [4, 5]) == 1


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 3), ("250000 100000", 2), ("5000 100000", 1)])
def test_a_version_2_quota_bounds_them(tmp_path: Path, quota: str, cores: int) -> None:
    tree = LinuxTree(tmp_path)
    siblings(tree, "0-1", "2-3", "4-5")
    tree.version_2("/app")
    tree.write("/sys/fs/cgroup/app/cpu.max", f"{quota}\n")
    assert physical_cores(tmp_path, range(6)) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 3), ("200000", 2)])
def test_a_version_1_quota_bounds_them(tmp_path: Path, quota: str, cores: int) -> None:
    tree = LinuxTree(tmp_path)
    siblings(tree, "0-1", "2-3", "4-5")
    tree.version_1("cpu", "/app")
    tree.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota)
    tree.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert physical_cores(tmp_path, range(6)) == cores


def test_this_machine_has_a_core() -> None:
    assert 1 <= physical_cores() <= (psutil.cpu_count() or 1)
