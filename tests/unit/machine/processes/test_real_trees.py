"""The samplers of trees over real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from steelyard.machine.processes import TreeSampler
from steelyard.machine.processes.portable import Processes as PortableProcesses
from tests.helpers.waiting import eventually

MIB = 2**20


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
