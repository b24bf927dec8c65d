"""The kernel's counters of out-of-memory kills, in folders made up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steelyard.machine.memory.oom import oom_kills, struck

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has these counters")

V1 = "4:memory:/a\n"
V1_MOUNTS = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
V2 = "0::/a\n"
V2_MOUNTS = "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def machine(root: Path, membership: str, mounts: str, files: dict[str, str]) -> Path:
    made = {"proc/self/cgroup": membership, "proc/self/mountinfo": mounts, **files}
    for name, text in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_version_1_counts_in_our_own_group(tmp_path: Path) -> None:
    control = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
    root = machine(
        tmp_path,
        V1,
        V1_MOUNTS,
        {
            "sys/fs/cgroup/memory/a/memory.oom_control": control.format(2),
            "sys/fs/cgroup/memory/memory.oom_control": control.format(1),
            "proc/vmstat": "pgfault 7\noom_kill 9\n",
        },
    )
    assert oom_kills(root) == {"control group": 2}, "victims elsewhere are none of ours"


def test_without_a_group_the_machine_counts(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", V2_MOUNTS, {"proc/vmstat": "pgfault 7\noom_kill 9\n"})
    assert oom_kills(root) == {"machine": 9}


def test_version_2_counts_events(tmp_path: Path) -> None:
    events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
    root = machine(tmp_path, V2, V2_MOUNTS, {"sys/fs/cgroup/a/memory.events": events})
    assert oom_kills(root) == {"control group": 2}


def test_what_cannot_be_read_is_not_zero(tmp_path: Path) -> None:
    root = machine(tmp_path, V2, V2_MOUNTS, {"sys/fs/cgroup/a/memory.events": "oom_kill many\n"})
    assert oom_kills(root) == {}
    assert oom_kills(tmp_path / "nothing") == {}


def test_a_strike_is_a_count_that_rose() -> None:
    assert struck({"machine": 3}, {"machine": 3}) is None
    assert struck({}, {"machine": 3}) is None
    assert struck({"machine": 3}, {}) is None
    assert struck({"machine": 3}, {"machine": 4}) == (
        "the machine's count of out-of-memory kills went from 3 to 4"
    )


def test_this_machine_tells() -> None:
    assert oom_kills().keys() <= {"control group", "machine"}
