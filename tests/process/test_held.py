"""What trees of real programs are said to hold, beside what the kernel says and beside what a run is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.footprints import HEAD, Watched, running, truth
from steelyard.machine.processes import TreeSampler
from tests.helpers import api
from tests.helpers.cgroup import Limited, limited
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are read from /proc here")

MIB = 2**20
KINDS = {
    "forks that read": """
held = memoryview(bytearray(b'x') * (120 * MIB))
for _ in range(10): fork(lambda: read(held))
""",
    "forks that write": """
held = bytearray(b'x') * (120 * MIB)
for _ in range(4): fork(lambda: touch(memoryview(held)[: 60 * MIB]))
""",
    "forks that grow": """
held = bytearray(b'x') * (80 * MIB)
def work():
    global own
    own = bytearray(b'y') * (80 * MIB)
for _ in range(4): fork(work)
""",
    "a segment each": "for _ in range(4): fork(lambda: segment(80 * MIB))",
    "one segment": """
shared = mmap.mmap(-1, 120 * MIB)
touch(shared)
for _ in range(6): fork(lambda: read(shared))
""",
    "other programs": """
import subprocess
for _ in range(4):
    subprocess.Popen([sys.executable, "-c", "import time; own = b'x' * (60 * 2**20); time.sleep(600)"])
""",
}

ENDS_ITS_FORKS = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.killpg(0, signal.SIGTERM)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_holds_what_its_group_holds(kind: str, tmp_path: Path) -> None:
    with (
        limited(2048 * MIB) as group,
        running(group.enter, KINDS[kind], str(tmp_path)) as process,
    ):
        watched = Watched(TreeSampler())

        def ratio() -> float | None:
            said = watched.look({"tree": process.pid})["tree"]
            found = said / truth(group)
            return found if truth(group) > 100 * MIB and 0.9 < found < 1.1 else None

        eventually(ratio, within=PATIENCE, every=0.1)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path_factory.mktemp("held") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 1)
        yield found


def peak_of(client: httpx.Client, program: str, folder: Path) -> float:
    """MiB at the peak of a run, as its task tells it."""
    task_id = api.submit(client, [sys.executable, "-c", HEAD + program, str(folder)])
    found = api.reaches(client, task_id, "SUCCEEDED")
    return int(found["memory"]["peak"]) / MIB


def test_a_run_whose_forks_share_its_memory_is_not_said_to_need_it_many_times(
    client: httpx.Client, tmp_path: Path
) -> None:
    program = """
held = memoryview(bytearray(b'x') * (100 * MIB))
for _ in range(8): fork(lambda: read(held))
time.sleep(2)
"""
    program += ENDS_ITS_FORKS
    assert 100 < peak_of(client, program, tmp_path) < 150


def test_a_run_that_reads_a_mapped_file_does_not_hold_it(client: httpx.Client, tmp_path: Path) -> None:
    program = """
with open(folder + "/mapped", "wb") as file:
    for _ in range(200): file.write(os.urandom(MIB))
file = open(folder + "/mapped", "rb")
mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
read(mapped)
time.sleep(1)
"""
    assert peak_of(client, program, tmp_path) < 60


def test_a_spike_between_two_samples_is_still_seen(client: httpx.Client, tmp_path: Path) -> None:
    assert 200 < peak_of(client, "held = bytearray(b'x') * (200 * MIB)\nheld = None", tmp_path) < 250


def test_each_segment_of_a_run_counts(client: httpx.Client, tmp_path: Path) -> None:
    program = """
for _ in range(4): fork(lambda: segment(80 * MIB))
time.sleep(3)
"""
    program += ENDS_ITS_FORKS
    assert 310 < peak_of(client, program, tmp_path) < 400


@pytest.fixture
def group() -> Iterator[Limited]:
    """A group in which a sidecar may make others."""
    with limited(2048 * MIB) as made:
        if made.version == "cgroup v2":
            pytest.skip("a control group cannot be made here without systemd's delegation")
        yield made


def grouped(group: Limited, folder: Path) -> RunningSidecar:
    program = (*group.enter, sys.executable, "-m", "steelyard")
    return RunningSidecar(
        folder / "data", "--workers", "2", program=program, WORKER_GROUPS="on", WORKER_MEMORY_GUARD="64MiB"
    )


def below(group: Limited) -> list[str]:
    return [each.name for each in group.folder.iterdir() if each.name.startswith("steelyard-")]


def test_where_workers_have_groups_the_kernel_counts_what_nobody_has_mapped(
    group: Limited, tmp_path: Path
) -> None:
    """150 MiB in /dev/shm that no process maps, and 200 MiB of which a sample between two sees nothing."""
    program = """
spike = [os.fork() for _ in range(1)]
if not spike[0]:
    held = bytearray(b'x') * (200 * MIB)
    os._exit(0)
os.waitpid(spike[0], 0)
name = "/dev/shm/held-%d" % os.getpid()
file = open(name, "wb")
os.unlink(name)
for _ in range(150): file.write(b"x" * MIB)
time.sleep(2)
"""
    with grouped(group, tmp_path) as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        assert len(below(group)) == 2
        task_id = api.submit(client, [sys.executable, "-c", HEAD + program, str(tmp_path)])

        def memory() -> float:
            return max(one["memory"] or 0 for one in api.workers(client)) / MIB

        eventually(lambda: 145 < memory() < 190, within=PATIENCE)
        assert 200 < int(api.reaches(client, task_id, "SUCCEEDED")["memory"]["peak"]) / MIB < 260
    eventually(lambda: below(group) == [], within=PATIENCE)


def test_a_killed_sidecar_leaves_groups_to_the_next_one_and_no_result_is_lost(
    group: Limited, tmp_path: Path
) -> None:
    with grouped(group, tmp_path) as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        task_id = api.submit(client, ["sleep", "1"])
        api.reaches(client, task_id, "RUNNING")
        sidecar.process.kill()
        sidecar.process.wait()
    left = set(below(group))
    with grouped(group, tmp_path) as sidecar, sidecar.client() as client:
        api.reaches(client, task_id, "SUCCEEDED")
        eventually(lambda: len(below(group)) == 2 and not left & set(below(group)), within=PATIENCE)


def test_without_a_group_a_worker_works_as_ever(group: Limited, tmp_path: Path) -> None:
    with grouped(group, tmp_path) as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        # Nobody may write to it any more, and then it is gone under a living worker.
        for name in below(group):
            for pid in (group.folder / name / "cgroup.procs").read_text().split():
                (group.folder / "cgroup.procs").write_text(pid)
            (group.folder / name).rmdir()
        task_id = api.submit(client, [sys.executable, "-c", "held = b'x' * (100 * 2**20)"])
        assert 100 < int(api.reaches(client, task_id, "SUCCEEDED")["memory"]["peak"]) / MIB < 130
