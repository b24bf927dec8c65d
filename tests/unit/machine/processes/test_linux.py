"""What Linux tells of a process, read from files of a made-up /proc."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.machine.processes.linux import Processes as LinuxProcesses
from tests.fakes.linux_tree import LinuxTree

STAT = (
    "{pid} (a) ({name}) S {parent} 1 1 0 -1 4194304 100 0 0 0 {user} {system} {cuser} {csystem} 20 0 "
    "{threads} 0 {start} 1000000 {pages} 18446744073709551615\n"
)


def put_stat(tree: LinuxTree, pid: int, parent: int, threads: int = 1) -> None:
    """A process as /proc shows it."""
    tree.write(f"/proc/{pid}/statm", "900 3 1 1 0 5 0\n")
    fields = {"user": 100, "system": 50, "cuser": 20, "csystem": 5, "start": 777, "pages": 3}
    tree.write(
        f"/proc/{pid}/stat", STAT.format(pid=pid, parent=parent, threads=threads, name=") R 1", **fields)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs the tick and page size of a POSIX system")
class TestLinuxFiles:
    """The reader of /proc over a folder."""

    def test_stat_is_read_whatever_the_name_holds(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7)
        use = LinuxProcesses(str(tmp_path / "proc")).read(10)
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        assert use is not None
        assert (use.parent, use.started, use.ended) == (7, 777, False)
        assert (use.memory, use.shared) == (3 * page, page)
        assert (use.cpu_seconds, use.reaped_seconds) == (150 / tick, 25 / tick)

    def test_one_that_goes_between_two_reads_uses_nothing(self, tmp_path: Path) -> None:
        put_stat(LinuxTree(tmp_path), 10, 7)
        (tmp_path / "proc/10/statm").unlink()
        use = LinuxProcesses(str(tmp_path / "proc")).read(10)
        assert use is not None and (use.memory, use.shared) == (0, 0)

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
