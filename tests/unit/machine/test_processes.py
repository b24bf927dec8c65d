"""machine.processes: trees over a made-up process table and a made-up clock, then over real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from steelyard.machine.processes import TreeSampler, largest_programs, physical_cores
from steelyard.machine.processes.linux import Processes as LinuxProcesses
from steelyard.machine.processes.portable import Processes as PortableProcesses
from steelyard.machine.processes.use import ProcessUse
from tests.fakes.linux_tree import LinuxTree
from tests.helpers.waiting import eventually

MIB = 2**20


class Table:
    """A process table that a test writes; `hidden` children exist, but their parent's list lacks them."""

    def __init__(self) -> None:
        self.processes: dict[int, ProcessUse] = {}
        self.hidden: set[int] = set()
        self.now = 100.0

    def put(
        self,
        pid: int,
        parent: int,
        cpu: float = 0.0,
        *,
        reaped: float = 0.0,
        started: int = 1,
        memory: int = MIB,
        shared: int = 0,
    ) -> None:
        self.processes[pid] = ProcessUse(pid, parent, started, memory, cpu, reaped, False, shared)

    def begin(self) -> None:
        pass

    def read(self, pid: int) -> ProcessUse | None:
        return self.processes.get(pid)

    def children(self, pid: int) -> list[int]:
        return [
            use.pid for use in self.processes.values() if use.parent == pid and use.pid not in self.hidden
        ]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def sampler(table: Table) -> TreeSampler:
    return TreeSampler(table, lambda: table.now)


def test_pages_that_a_tree_shares_count_once(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, memory=30 * MIB, shared=10 * MIB)
    table.put(11, 10, memory=25 * MIB, shared=12 * MIB)
    table.put(12, 10, memory=5 * MIB)
    assert sampler.sample({"a": 10})["a"].memory == (20 + 13 + 5 + 12) * MIB


def test_memory_and_processes_of_a_tree_add_up(table: Table, sampler: TreeSampler) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 10), (13, 12), (99, 1)):
        table.put(pid, parent)
    use = sampler.sample({"a": 10})["a"]
    assert (use.memory, use.processes, use.cpu) == (4 * MIB, 4, 0.0)


def test_cpu_is_per_cent_of_one_core_since_the_last_sample(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 5.0)
    table.put(11, 10, 1.0)
    sampler.sample({"a": 10})
    table.now += 2.0
    table.put(10, 1, 6.0)
    table.put(11, 10, 3.0)
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, use.cpu_seconds) == (150.0, 9.0)


def test_a_process_that_ended_is_not_subtracted(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    table.put(11, 10, 50.0)
    sampler.sample({"a": 10})
    # Waited for: its 50 s, and 1 s that no sample saw, are now among what its parent collected.
    del table.processes[11]
    table.put(10, 1, 1.5, reaped=51.0)
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, use.cpu_seconds) == (150.0, 52.5)


def test_a_process_that_nobody_waited_for_makes_nothing_negative(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    table.put(11, 10, 50.0)
    sampler.sample({"a": 10})
    del table.processes[11]
    table.put(10, 1, 1.2)
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, round(use.cpu_seconds, 3)) == (20.0, 51.2)


def test_a_short_process_between_two_samples_counts(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    sampler.sample({"a": 10})
    table.put(10, 1, 1.0, reaped=0.5)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 50.0


def test_a_pid_that_is_used_again_begins_anew(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1)
    table.put(11, 10, 80.0, started=1)
    sampler.sample({"a": 10})
    table.put(11, 10, 0.3, started=2)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 30.0


def test_a_child_that_a_list_passed_over_is_still_found(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1)
    table.put(11, 10, 500.0)
    table.put(12, 11)
    sampler.sample({"a": 10})
    table.hidden = {11}
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.processes, use.cpu) == (3, 0.0)
    table.hidden = set()
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 0.0


def test_a_root_that_has_gone_uses_nothing_and_keeps_its_seconds(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 7.0)
    sampler.sample({"a": 10})
    del table.processes[10]
    use = sampler.sample({"a": 10, "never": 555})
    assert (use["a"].memory, use["a"].processes, use["a"].cpu_seconds) == (0, 0, 7.0)
    assert use["never"].cpu_seconds == 0.0
    table.put(10, 1, 1.0, started=9, memory=5 * MIB)
    assert sampler.sample({"a": 10})["a"].memory == 0, "the pid is another's by now"


def test_a_key_that_names_another_root_begins_anew(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 7.0)
    table.put(20, 1, 3.0)
    sampler.sample({"a": 10})
    table.now += 1.0
    use = sampler.sample({"a": 20})["a"]
    assert (use.cpu, use.cpu_seconds) == (0.0, 3.0)


def test_roots_may_lie_inside_each_other(table: Table, sampler: TreeSampler) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 11)):
        table.put(pid, parent)
    use = sampler.sample({"worker": 10, "task": 11})
    assert (use["worker"].processes, use["task"].processes) == (3, 2)


def test_two_samples_in_a_moment_do_not_make_noise(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    sampler.sample({"a": 10})
    table.put(10, 1, 1.5)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 50.0
    table.put(10, 1, 1.51)
    table.now += 0.001
    assert sampler.sample({"a": 10})["a"].cpu == 50.0, "10 ms in 1 ms would be 1000 %"
    table.put(10, 1, 1.76)
    table.now += 0.999
    assert sampler.sample({"a": 10})["a"].cpu == 26.0, "nothing in between is lost"


def test_a_loop_of_parents_ends(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 11)
    table.put(11, 10)
    assert sampler.sample({"a": 10})["a"].processes == 2


# --- Linux' files ---------------------------------------------------------------------------------------

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


# --- cores ----------------------------------------------------------------------------------------------


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


# --- real processes -------------------------------------------------------------------------------------

PARENT = """
import subprocess, sys
wait = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
child = subprocess.Popen(wait, stdin=subprocess.PIPE)
print("ready", flush=True)
held = bytearray(64 << 20)
for line in sys.stdin:
    if line == "work\\n":
        sum(range(20_000_000))
    if line == "short\\n":
        subprocess.run([sys.executable, "-I", "-S", "-c", "sum(range(20_000_000))"])
    print("done", flush=True)
child.communicate()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process with a child; both end with their standard input."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.communicate(timeout=20)


def tell(process: subprocess.Popen[str], order: str) -> None:
    """Gives an order and waits for its end."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(order + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def real_samplers() -> list[TreeSampler]:
    """The one of this system, and the portable one."""
    return [TreeSampler(), TreeSampler(PortableProcesses())]


@pytest.mark.parametrize("sampler", real_samplers(), ids=["system", "portable"])
def test_a_real_tree_is_weighed(parent: subprocess.Popen[str], sampler: TreeSampler) -> None:
    roots = {"w": parent.pid}
    use = eventually(lambda: (u := sampler.sample(roots)["w"]).processes == 2 and u.memory > 70 * MIB and u)
    before = use.cpu_seconds
    tell(parent, "work")
    after = sampler.sample(roots)["w"]
    assert after.cpu_seconds > before
    assert after.cpu > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what children that ended used")
@pytest.mark.parametrize("sampler", real_samplers(), ids=["system", "portable"])
def test_a_real_child_that_came_and_went_counts(parent: subprocess.Popen[str], sampler: TreeSampler) -> None:
    before = sampler.sample({"w": parent.pid})["w"].cpu_seconds
    tell(parent, "short")
    use = sampler.sample({"w": parent.pid})["w"]
    assert use.processes == 2
    assert use.cpu_seconds - before > 0.05


def test_a_process_that_may_not_be_asked_hides_no_child(
    parent: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    oneshot = psutil.Process.oneshot

    def refuse(process: psutil.Process) -> object:
        if process.pid == parent.pid:
            raise psutil.AccessDenied(process.pid)
        return oneshot(process)

    monkeypatch.setattr(psutil.Process, "oneshot", refuse)
    use = TreeSampler(PortableProcesses()).sample({"w": parent.pid})["w"]
    assert use.processes == 2
    assert 0 < use.memory < 64 * MIB, "only the child's"


def test_a_real_root_that_ended_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "pass"])
    sampler = TreeSampler()
    sampler.sample({"w": process.pid})
    process.wait(timeout=20)
    assert sampler.sample({"w": process.pid})["w"].processes == 0


def test_the_largest_come_first_and_no_more_than_asked_for() -> None:
    programs = largest_programs(2)
    assert len(programs) <= 2
    assert [size for _, size in programs] == sorted((size for _, size in programs), reverse=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that lives on without its parent")
def test_foreign_programs_are_added_up_by_name_and_ours_are_left_out(tmp_path: Path) -> None:
    names = [f"{kind}-{uuid.uuid4().hex[:6]}" for kind in ("foreign", "ours")]
    foreign, ours = (Path(shutil.copy(shutil.which("sleep") or "", tmp_path / name)) for name in names)
    started = subprocess.run(
        ["sh", "-c", '"$0" 60 >&2 & echo $!; "$0" 60 >&2 & echo $!', str(foreign)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pids = [int(pid) for pid in started.stdout.split()]
    child = subprocess.Popen([str(ours), "60"])
    try:
        # Between fork and exec a process still bears the name of the shell.
        sizes = eventually(
            lambda: (found := dict(largest_programs(10_000))) and foreign.name in found and found
        )
        assert ours.name not in sizes
        together = sum(psutil.Process(pid).memory_info().rss for pid in pids)
        eventually(lambda: dict(largest_programs(10_000))[foreign.name] == together)
    finally:
        child.kill()
        child.wait()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
