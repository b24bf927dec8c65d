"""machine.memory.linux over made-up machines, and once over this one inside a real control group."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine.cgroups import levels
from steelyard.machine.memory.linux import probe, sharers
from tests.fakes.linux_tree import GIB, LinuxTree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' files")

NO_LIMIT_V1 = 9223372036854771712
"""What version 1 says without a limit: 2^63 less a page."""


@pytest.fixture
def machine(tmp_path: Path) -> LinuxTree:
    return LinuxTree(tmp_path)


def test_a_machine_without_groups_is_what_meminfo_says(machine: LinuxTree) -> None:
    reading = probe(machine.root)
    assert (reading.total, reading.available, reading.source) == (16 * GIB, 12 * GIB, "machine")
    assert (reading.used, reading.percent, reading.pressure) == (4 * GIB, 25.0, "normal")


@pytest.mark.parametrize(
    ("policy", "promised", "available"), [(0, 13, 12), (1, 13, 12), (2, 13, 3), (2, 1, 12), (2, 17, 0)]
)
def test_where_nothing_is_overcommitted_what_is_promised_binds(
    machine: LinuxTree, policy: int, promised: int, available: int
) -> None:
    machine.write("/proc/sys/vm/overcommit_memory", f"{policy}\n")
    meminfo = (machine.root / "proc/meminfo").read_text()
    machine.write(
        "/proc/meminfo",
        f"{meminfo}CommitLimit:    {16 * GIB // 1024} kB\nCommitted_AS:   {promised * GIB // 1024} kB\n",
    )
    assert probe(machine.root).available == available * GIB


def test_a_version_2_limit_bounds_total_and_available(machine: LinuxTree) -> None:
    machine.version_2("/user.slice/app")
    group = "/sys/fs/cgroup/user.slice/app"
    machine.write(f"{group}/memory.max", f"{4 * GIB}\n")
    machine.write(f"{group}/memory.high", "max\n")
    machine.write(f"{group}/memory.current", f"{3 * GIB}\n")
    machine.write(f"{group}/memory.stat", f"anon {3 * GIB}\ninactive_file 0\nactive_file 0\n")
    reading = probe(machine.root)
    assert (reading.total, reading.available, reading.source) == (4 * GIB, GIB, "cgroup v2")


def test_pages_of_files_are_available_however_often_they_were_read(machine: LinuxTree) -> None:
    """Figures of a real container: 4.4 GiB "used", of which 1.9 GiB are files and caches of the kernel."""
    machine.version_2("/agent")
    group = "/sys/fs/cgroup/agent"
    machine.write(f"{group}/memory.max", f"{6 * GIB}\n")
    machine.write(f"{group}/memory.current", "4673966080\n")
    machine.write(
        f"{group}/memory.stat",
        "anon 2589249536\nfile 1938186240\nkernel 134979584\nshmem 10563584\nactive_file 707764224\n"
        "inactive_file 1219960832\nslab_reclaimable 81934336\nslab_unreclaimable 11429224\n",
    )
    free = 6 * GIB - 4673966080
    # 15.9 MiB of each kind stay: what a machine of 6 GiB keeps free (its low watermark).
    kept = 10035 * 1024 + 6 * GIB // 1000
    expected = free + 707764224 + 1219960832 + 81934336 - 2 * kept
    assert abs(probe(machine.root).available - expected) < 64 * 1024


def test_version_1_counts_the_files_of_groups_below_too(machine: LinuxTree) -> None:
    """Recorded in a group of 768 MiB in which a file of 400 MiB was read three times."""
    machine.version_1("memory", "/app")
    group = "/sys/fs/cgroup/memory/app"
    machine.write(f"{group}/memory.limit_in_bytes", "805306368\n")
    machine.write(f"{group}/memory.usage_in_bytes", "439820288\n")
    machine.write(
        f"{group}/memory.stat",
        "cache 0\nrss 0\ninactive_file 0\nactive_file 0\nhierarchical_memory_limit 805306368\n"
        "total_cache 419491840\ntotal_rss 8318976\ntotal_shmem 0\ntotal_inactive_anon 8310784\n"
        "total_active_anon 4096\ntotal_inactive_file 8192\ntotal_active_file 419483648\n",
    )
    assert 0.97 * 805306368 - 8318976 - 11599872 < probe(machine.root).available < 805306368 - 8318976


def test_of_few_pages_half_is_in_use(machine: LinuxTree) -> None:
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/app/memory.max", str(4 * GIB))
    machine.write("/sys/fs/cgroup/app/memory.current", str(4 * GIB))
    machine.write("/sys/fs/cgroup/app/memory.stat", "inactive_file 2097152\nactive_file 1048576\n")
    assert probe(machine.root).available == 3 * 2**20 // 2


def test_memory_high_binds_as_well(machine: LinuxTree) -> None:
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/app/memory.max", "max")
    machine.write("/sys/fs/cgroup/app/memory.high", str(3 * GIB))
    machine.write("/sys/fs/cgroup/app/memory.current", str(GIB))
    assert probe(machine.root).available == 2 * GIB


def test_an_ancestor_with_less_left_bounds_what_is_available(machine: LinuxTree) -> None:
    machine.version_2("/outer/inner")
    for group, limit, used in (("outer/inner", 4, 1), ("outer", 8, 7)):
        machine.write(f"/sys/fs/cgroup/{group}/memory.max", str(limit * GIB))
        machine.write(f"/sys/fs/cgroup/{group}/memory.current", str(used * GIB))
        machine.write(f"/sys/fs/cgroup/{group}/memory.stat", "inactive_file 0\nactive_file 0\n")
    reading = probe(machine.root)
    assert (reading.total, reading.available) == (4 * GIB, 1 * GIB)


def test_whoever_is_outside_of_the_group_that_binds_shares_no_memory_with_us(machine: LinuxTree) -> None:
    assert sharers(machine.root) is None
    machine.version_2("/outer/inner")
    for group, limit, used in (("outer/inner", 4, 1), ("outer", 8, 7)):
        machine.write(f"/sys/fs/cgroup/{group}/memory.max", str(limit * GIB))
        machine.write(f"/sys/fs/cgroup/{group}/memory.current", str(used * GIB))
    machine.write("/sys/fs/cgroup/cgroup.procs", "1\n")
    machine.write("/sys/fs/cgroup/outer/cgroup.procs", "20\n21\n")
    machine.write("/sys/fs/cgroup/outer/inner/cgroup.procs", "30\n")
    assert sharers(machine.root) == {20, 21, 30}
    # The machine itself has less left than the group may take: everybody counts.
    machine.write("/sys/fs/cgroup/outer/memory.current", "0")
    machine.write("/sys/fs/cgroup/outer/inner/memory.current", "0")
    machine.write("/sys/fs/cgroup/outer/memory.max", str(14 * GIB))
    machine.write("/sys/fs/cgroup/outer/inner/memory.max", str(14 * GIB))
    assert sharers(machine.root) is None


def test_a_version_1_limit_and_that_of_a_hidden_ancestor(machine: LinuxTree) -> None:
    # In a container: the hierarchy is mounted from the container's own group on.
    machine.version_1("memory", "/docker/abc", inside="/docker/abc")
    group = "/sys/fs/cgroup/memory"
    machine.write(f"{group}/memory.limit_in_bytes", str(NO_LIMIT_V1))
    machine.write(f"{group}/memory.usage_in_bytes", str(3 * GIB))
    machine.write(
        f"{group}/memory.stat",
        f"inactive_file 0\nhierarchical_memory_limit {6 * GIB}\ntotal_inactive_file 0\n",
    )
    reading = probe(machine.root)
    assert (reading.total, reading.available, reading.source) == (6 * GIB, 3 * GIB, "cgroup v1")


@pytest.mark.parametrize("limit", ["max", str(NO_LIMIT_V1), str(64 * GIB), "", "-1", "8G", "\udc80"])
def test_what_is_no_limit_changes_nothing(machine: LinuxTree, limit: str) -> None:
    machine.version_2("/app")
    file = machine.root / "sys/fs/cgroup/app/memory.max"
    file.parent.mkdir(parents=True)
    file.write_bytes(limit.encode("utf-8", "surrogateescape"))
    machine.write("/sys/fs/cgroup/app/memory.current", str(GIB))
    assert probe(machine.root).source == "machine"


def test_a_limit_stands_where_usage_cannot_be_read(machine: LinuxTree) -> None:
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/app/memory.max", str(4 * GIB))
    reading = probe(machine.root)
    assert (reading.total, reading.available) == (4 * GIB, 4 * GIB)


def test_more_used_than_the_limit_leaves_nothing(machine: LinuxTree) -> None:
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/app/memory.max", str(2 * GIB))
    machine.write("/sys/fs/cgroup/app/memory.current", str(3 * GIB))
    assert probe(machine.root).available == 0


def test_a_limit_that_shrinks_is_seen(machine: LinuxTree) -> None:
    machine.version_2("/app")
    for limit in (8, 2):
        machine.write("/sys/fs/cgroup/app/memory.max", str(limit * GIB))
        machine.write("/sys/fs/cgroup/app/memory.current", "0")
        assert probe(machine.root).total == limit * GIB


def test_a_process_that_is_moved_is_followed(machine: LinuxTree) -> None:
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/other/memory.max", str(3 * GIB))
    assert probe(machine.root).total == 16 * GIB
    machine.write("/proc/self/cgroup", "0::/other\n")
    assert probe(machine.root).total == 3 * GIB


def test_a_mixed_machine_takes_memory_from_where_its_controller_is(machine: LinuxTree) -> None:
    machine.version_1("memory", "/app")
    machine.mount("/sys/fs/cgroup/unified", "cgroup2", "rw")
    machine.member("0::/")
    machine.write("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", str(5 * GIB))
    machine.write("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "0")
    assert (probe(machine.root).total, probe(machine.root).source) == (5 * GIB, "cgroup v1")


def test_a_mount_point_with_a_space_is_understood(machine: LinuxTree) -> None:
    machine.mount("/sys/my\\040groups", "cgroup2", "rw")
    machine.member("0::/app")
    assert levels("memory", machine.root)[0].folder == machine.root / "sys/my groups/app"


def test_a_group_outside_of_the_namespace_falls_back_to_what_is_mounted(machine: LinuxTree) -> None:
    machine.version_2("/../../elsewhere")
    assert [level.folder for level in levels("memory", machine.root)] == [machine.root / "sys/fs/cgroup"]


@pytest.mark.parametrize(
    ("some", "full", "word"),
    [
        (0, 0, "normal"),
        (9.99, 9.99, "normal"),
        (10, 0, "warning"),
        (80, 9.99, "warning"),
        (80, 10, "critical"),
    ],
)
def test_pressure_follows_its_thresholds(machine: LinuxTree, some: float, full: float, word: str) -> None:
    machine.pressure(some, full)
    assert probe(machine.root).pressure == word


def test_the_binding_group_has_a_pressure_of_its_own(machine: LinuxTree) -> None:
    machine.pressure(0, 0)
    machine.version_2("/app")
    machine.write("/sys/fs/cgroup/app/memory.max", str(2 * GIB))
    machine.pressure(90, 50, "/sys/fs/cgroup/app/memory.pressure")
    assert probe(machine.root).pressure == "critical"


def test_before_linux_3_14_available_is_estimated(machine: LinuxTree) -> None:
    machine.write("/proc/meminfo", "MemTotal: 4096 kB\nMemFree: 1024 kB\nInactive(file): 512 kB\n")
    assert probe(machine.root).available == 1536 * 1024


def test_swap_is_told_and_switched_off_it_is_none_left(machine: LinuxTree) -> None:
    known = "MemTotal: 4096 kB\nMemAvailable: 1024 kB\n"
    machine.write("/proc/meminfo", f"{known}SwapTotal: 2048 kB\nSwapFree: 512 kB\n")
    assert (probe(machine.root).swap_total, probe(machine.root).swap_free) == (2048 * 1024, 512 * 1024)
    machine.write("/proc/meminfo", f"{known}SwapTotal: 0 kB\nSwapFree: 0 kB\n")
    assert (probe(machine.root).swap_total, probe(machine.root).available) == (0, 1024 * 1024)
    machine.write("/proc/meminfo", known)
    assert probe(machine.root).swap_total is None


def test_no_meminfo_is_an_error_and_no_figure(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="meminfo"):
        probe(tmp_path)
    LinuxTree(tmp_path).write("/proc/meminfo", "SwapTotal: 1 kB\n")
    with pytest.raises(OSError, match="MemTotal"):
        probe(tmp_path)


def test_this_machine_has_memory() -> None:
    reading = probe()
    assert 0 < reading.available <= reading.total


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A fresh control group below our own; removed again."""
    own = levels("memory")
    if not own:
        pytest.skip("no memory control group can be made here: none is mounted")
    group = own[0].folder / f"steelyard-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made here: {error.strerror}")
    try:
        yield group
    finally:
        group.rmdir()


def test_a_real_group_makes_this_machine_smaller(real_group: Path) -> None:
    limit = 512 * 2**20
    names = ("memory.max", "memory.limit_in_bytes")
    file = next((real_group / name for name in names if (real_group / name).exists()), None)
    if file is None:
        pytest.skip("no memory control group can be made here: its controller is not enabled")
    file.write_text(str(limit))
    program = (
        "import os, sys\n"
        "open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "from steelyard.machine.memory import probe\n"
        "reading = probe()\n"
        "print(reading.total, reading.available, reading.source)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(real_group)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    total, available, source = done.stdout.strip().split(" ", 2)
    assert int(total) == limit
    assert 0 < int(available) < limit
    assert source.startswith("cgroup v")


READS = """
import os, sys
open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid()))
from steelyard.machine.memory import probe
with open(sys.argv[2], 'wb') as file:
    for _ in range(200):
        file.write(os.urandom(2**20))
    os.fsync(file.fileno())
for _ in range(3):
    with open(sys.argv[2], 'rb') as file:
        while file.read(2**20):
            pass
print(probe().available)
held = bytearray(b'x') * (300 * 2**20)
print(probe().available)
"""


def test_in_a_real_group_a_file_that_was_read_again_and_again_takes_nothing(
    real_group: Path, tmp_path: Path
) -> None:
    names = ("memory.max", "memory.limit_in_bytes")
    file = next((real_group / name for name in names if (real_group / name).exists()), None)
    if file is None:
        pytest.skip("no memory control group can be made here: its controller is not enabled")
    file.write_text(str(400 * 2**20))
    done = subprocess.run(
        [sys.executable, "-c", READS, str(real_group), str(tmp_path / "read")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    before, after = (int(line) / 2**20 for line in done.stdout.split())
    # What is promised can really be had: the 300 MiB were given though the pages filled half the group.
    assert before > 340
    assert 40 < after < 100
