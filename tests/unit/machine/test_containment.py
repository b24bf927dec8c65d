"""Trees that are ended whole, and only those: from the side of a sidecar (the test is no subreaper)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine import containment, identity, process_table
from tests.helpers.waiting import eventually

TREE = (
    "import subprocess, sys, time\n"
    "kids = [subprocess.Popen(['sh', '-c', 'sleep 60 & wait'], start_new_session=n == 1) for n in range(2)]\n"
    "print('there', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process with two children that have one each; one child leads a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    eventually(lambda: len(containment.descendants(process.pid)) == 4)
    below = {pid: identity.identity_of(pid) for pid in containment.descendants(process.pid)}
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    for pid, known in below.items():
        if known is not None and identity.is_same(pid, known):
            os.kill(pid, signal.SIGKILL)


def stopped(pid: int) -> bool:
    entry = process_table.entry(pid)
    return entry is not None and entry.stopped


def test_descendants_parents_first(tree: subprocess.Popen[bytes]) -> None:
    found = containment.descendants(tree.pid)
    for pid in found:
        parent = identity.parent_of(pid)
        assert parent == tree.pid or found.index(int(str(parent))) < found.index(pid)


def test_end_tree_ends_all_and_leaves_the_status(tree: subprocess.Popen[bytes]) -> None:
    below = containment.descendants(tree.pid)
    assert containment.end_tree(tree.pid) == 5
    assert [pid for pid in below if identity.identity_of(pid)] == []
    assert tree.wait(5) == -signal.SIGKILL


def test_end_tree_reaches_the_stopped(tree: subprocess.Popen[bytes]) -> None:
    containment.suspend_tree(tree.pid)
    assert containment.end_tree(tree.pid) == 5


def test_what_is_kept_is_left_alone_with_all_below(tree: subprocess.Popen[bytes]) -> None:
    kept = process_table.children(tree.pid)[0]
    grandchild = process_table.children(kept)[0]
    # The root itself is ended even when it is named: keep is about what is below it.
    assert containment.end_tree(tree.pid, keep=frozenset({tree.pid, kept})) == 3
    assert identity.identity_of(kept) and identity.identity_of(grandchild)


def test_end_descendants_spares_the_kept(tree: subprocess.Popen[bytes]) -> None:
    others = frozenset(process_table.children(os.getpid())) - {tree.pid}
    with subprocess.Popen(["sleep", "60"]) as kept:
        try:
            assert containment.end_descendants(keep=others | {kept.pid}) == 5
            assert kept.poll() is None
        finally:
            kept.kill()


def test_suspend_and_resume(tree: subprocess.Popen[bytes]) -> None:
    whole = [tree.pid, *containment.descendants(tree.pid)]
    assert containment.suspend_tree(tree.pid) == 5
    eventually(lambda: all(map(stopped, whole)))
    assert containment.resume_tree(tree.pid) == 5
    eventually(lambda: not any(map(stopped, whole)))


def test_a_resume_overtakes_a_stop_that_has_not_taken_effect(tree: subprocess.Popen[bytes]) -> None:
    whole = [tree.pid, *containment.descendants(tree.pid)]
    for _ in range(30):
        containment.suspend_tree(tree.pid)
        containment.resume_tree(tree.pid)
        eventually(lambda: not any(map(stopped, whole)))


def test_end_known_ends_only_what_is_meant(tree: subprocess.Popen[bytes]) -> None:
    known = str(identity.identity_of(tree.pid))
    executable = identity.executable_of(tree.pid)
    assert not containment.end_known(tree.pid, "another-boot/1", executable)
    assert not containment.end_known(tree.pid, known, "/usr/bin/decoy")
    assert not containment.end_known(os.getpid(), str(identity.identity_of(os.getpid())))
    assert tree.poll() is None and len(containment.descendants(tree.pid)) == 4
    assert containment.end_known(tree.pid, known, executable)
    assert tree.wait(5) == -signal.SIGKILL
    assert not containment.end_known(tree.pid, known, executable)


def test_a_process_that_is_gone() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert containment.end_tree(child.pid) == 0
    assert containment.suspend_tree(child.pid) == containment.resume_tree(child.pid) == 0
    assert containment.descendants(child.pid) == []
    containment.ask_to_stop(child.pid)


def test_collect_tells_how_and_what_it_used() -> None:
    child = subprocess.Popen(["sh", "-c", "exit 9"])
    ending = eventually(lambda: containment.collect(child))
    assert (ending.exit_code, ending.signal) == (9, None)
    assert ending.peak_memory and ending.cpu_seconds is not None


def test_collect_does_not_wait() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert containment.collect(child) is None
        finally:
            child.kill()


def test_a_status_that_somebody_else_has_read_is_not_success() -> None:
    child = subprocess.Popen(["sleep", "60"])
    assert containment.collect(child) is None
    child.kill()
    os.waitpid(child.pid, 0)
    ending = containment.collect(child)
    assert ending is not None
    assert (ending.exit_code, ending.signal, ending.peak_memory) == (None, None, None)
    assert child.returncode != 0


def test_only_the_named_zombies_are_reaped() -> None:
    mine, orphan = subprocess.Popen(["false"]), subprocess.Popen(["true"])
    others = frozenset(process_table.children(os.getpid())) - {mine.pid, orphan.pid}
    for child in (mine, orphan):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert containment.reap_orphans(others | {mine.pid}) == 1
    assert process_table.entry(orphan.pid) is None
    assert mine.wait() == 1
    orphan.returncode = 0


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; from steelyard.machine import containment\n"
        "child = subprocess.Popen(['sleep', '60'], **containment.task_options())\n"
        "print(child.pid, flush=True); sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(containment.__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        known = str(identity.identity_of(child))
        assert os.getsid(child) == child
        parent.kill()
        eventually(lambda: not identity.is_same(child, known), within=1)
