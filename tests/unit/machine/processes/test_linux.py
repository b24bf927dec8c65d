"""What Linux tells of a process, read from files of a made-up /proc."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.machine.processes.linux import Processes as LinuxProcesses
from tests.fakes.linux_tree import KIB, LinuxTree

STAT = (
    "{pid} (a) ({name}) S {parent} 1 1 0 -1 4194304 {faults} 0 0 0 {user} {system} {cuser} {csystem} 20 0 "
    "{threads} 0 {start} 1000000 {pages} 18446744073709551615 4096 8192 {stack} 0 0 0\n"
)
STATUS = "Name:\tx\nVmRSS:\t1300 kB\nRssAnon:\t{anon} kB\nRssFile:\t200 kB\nRssShmem:\t100 kB\nVmPTE:\t8 kB\n"
ROLLUP = """00400000-7ffff0315000 ---p 00000000 00:00 0                          [rollup]
Rss:                1300 kB
Pss:                 400 kB
Pss_Anon:            250 kB
Pss_File:            100 kB
Pss_Shmem:            50 kB
Private_Dirty:       120 kB
Anonymous:          1000 kB
Swap:                 16 kB
SwapPss:               4 kB
"""


def put_stat(
    tree: LinuxTree,
    pid: int,
    parent: int,
    threads: int = 1,
    *,
    faults: int = 100,
    anon: int = 1000,
    swap: int = 0,
) -> None:
    """A process as /proc shows it."""
    tree.write(f"/proc/{pid}/status", STATUS.format(anon=anon) + f"VmSwap:\t{swap} kB\n")
    fields = {"user": 100, "system": 50, "cuser": 20, "csystem": 5, "start": 777, "pages": 3, "stack": 140732}
    fields["faults"] = faults
    tree.write(
        f"/proc/{pid}/stat", STAT.format(pid=pid, parent=parent, threads=threads, name=") R 1", **fields)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs the tick and page size of a POSIX system")
class TestLinuxFiles:
    """The reader of /proc over a folder."""

    def test_stat_is_read_whatever_the_name_holds(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7)
        use = LinuxProcesses(str(tmp_path / "proc")).read(10)
        tick = os.sysconf("SC_CLK_TCK")
        assert use is not None
        assert (use.parent, use.started, use.ended) == (7, 777, False)
        assert (use.memory, use.segments, use.files, use.tables) == (
            1000 * KIB,
            100 * KIB,
            200 * KIB,
            8 * KIB,
        )
        assert (use.cpu_seconds, use.reaped_seconds) == (150 / tick, 25 / tick)

    def test_one_that_goes_between_two_reads_uses_nothing(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7)
        (tmp_path / "proc/10/status").unlink()
        use = LinuxProcesses(str(tmp_path / "proc")).read(10)
        assert use is not None and (use.memory, use.segments) == (0, 0)

    def test_what_was_swapped_out_is_still_held(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7, anon=1000, swap=5000)
        use = LinuxProcesses(str(tmp_path / "proc")).read(10)
        assert use is not None and use.memory == 6000 * KIB

    def test_memory_is_read_again_only_where_the_kernel_gave_or_took_a_page(self, tmp_path: Path) -> None:
        tree, memory = LinuxTree(tmp_path), []
        processes = LinuxProcesses(str(tmp_path / "proc"))
        for faults, anon in ((100, 1000), (100, 2000), (101, 3000)):
            put_stat(tree, 10, 7, faults=faults, anon=anon)
            processes.begin()
            use = processes.read(10)
            memory.append(use and use.memory)
        assert memory == [1000 * KIB, 1000 * KIB, 3000 * KIB]

    def test_a_closer_look_tells_parts_and_what_is_its_own(self, tmp_path: Path) -> None:
        tree = LinuxTree(tmp_path)
        put_stat(tree, 10, 7)
        tree.write("/proc/10/smaps_rollup", ROLLUP)
        look = LinuxProcesses(str(tmp_path / "proc")).look_closer(10)
        assert look == tuple(each * KIB for each in (1016, 254, 120, 100, 50))
        # Before Linux 5.4 the parts are not told by kind.
        tree.write("/proc/10/smaps_rollup", "".join(x for x in ROLLUP.splitlines(True) if "Pss_" not in x))
        look = LinuxProcesses(str(tmp_path / "proc")).look_closer(10)
        assert look == tuple(each * KIB for each in (1016, 404, 120, 100, 0))
        assert LinuxProcesses(str(tmp_path / "proc")).look_closer(11) is None

    def test_a_zombie_does_not_live(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7)
        processes = LinuxProcesses(str(tmp_path / "proc"))
        assert [processes.lives(pid) for pid in (10, 11)] == [True, False]
        file = tmp_path / "proc/10/stat"
        file.write_text(file.read_text().replace(") S ", ") Z "))
        assert not processes.lives(10)

    def test_children_of_every_thread_are_found(self, tmp_path: Path) -> None:
        tree = LinuxTree(tmp_path)
        tree.write("/proc/thread-self/children", "")
        put_stat(tree, 10, 1, threads=2)
        tree.write("/proc/10/task/10/children", "11 12 ")
        tree.write("/proc/10/task/31/children", "13 ")
        processes = LinuxProcesses(str(tmp_path / "proc"))
        processes.begin()
        processes.read(10)
        assert sorted(processes.children(10)) == [11, 12, 13]

    def test_a_list_longer_than_a_page_is_read_whole(self, tmp_path: Path) -> None:
        tree = LinuxTree(tmp_path)
        tree.write("/proc/thread-self/children", "")
        pids = list(range(100000, 102000))
        tree.write("/proc/10/task/10/children", " ".join(map(str, pids)) + " ")
        put_stat(tree, 10, 1)
        processes = LinuxProcesses(str(tmp_path / "proc"))
        processes.read(10)
        assert processes.children(10) == pids

    def test_without_children_files_every_process_is_looked_at(self, tmp_path: Path) -> None:
        tree = LinuxTree(tmp_path)
        for pid, parent in ((10, 1), (11, 10), (12, 10), (13, 1)):
            put_stat(tree, pid, parent)
        processes = LinuxProcesses(str(tmp_path / "proc"))
        processes.begin()
        assert sorted(processes.children(10)) == [11, 12]

    def test_what_is_not_there_is_no_error(self, tmp_path: Path) -> None:
        processes = LinuxProcesses(str(tmp_path))
        assert processes.read(10) is None
        LinuxTree(tmp_path).write("/11/stat", "11 (cut")
        assert processes.read(11) is None
