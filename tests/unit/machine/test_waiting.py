"""One wait for everything."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from steelyard.machine.waiting import CHILDREN, END, WRITABLE, Waiter

Event = tuple[str, bytes | int | None]


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    before = signal.getsignal(signal.SIGCHLD)
    made = Waiter()
    yield made
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, before)
    made.close()


def until(waiter: Waiter, key: str) -> list[Event]:
    """Events up to the first of a key."""
    found: list[Event] = []
    for _ in range(200):
        found += waiter.wait(0.05)
        if any(each[0] == key for each in found):
            return found
    raise AssertionError(f"no event of {key}: {found}")


def test_a_pipe_and_its_end(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    waiter.add_reader(reader, "pipe")
    assert waiter.wait(0) == []
    os.write(writer, b"data")
    assert waiter.wait(1) == [("pipe", b"data")]
    os.close(writer)
    assert waiter.wait(1) == [("pipe", END)]
    assert waiter.wait(0) == []
    waiter.remove("pipe")
    waiter.remove("pipe")
    with pytest.raises(OSError):
        os.fstat(reader)


def test_a_writer_that_is_full(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    waiter.add_writer(writer, "out")
    taken = 0
    while (piece := waiter.write("out", b"x" * 10_000)) == 10_000:
        taken += piece
    taken += piece
    assert waiter.write("out", b"x") == 0
    assert waiter.wait(0) == []
    while taken:
        taken -= len(os.read(reader, 65536))
    assert waiter.wait(1) == [("out", WRITABLE)]
    assert waiter.write("out", b"x") == 1
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        waiter.write("out", b"x")
    waiter.remove("out")


def test_a_process_that_ends(waiter: Waiter) -> None:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    waiter.watch_process(child.pid, "child")
    assert waiter.wait(0) == []
    child.stdin.close()
    assert ("child", child.pid) in until(waiter, "child")
    assert child.wait() == 0
    assert all(key == CHILDREN for key, _ in waiter.wait(0))
    waiter.remove("child")


def test_a_process_that_is_gone_already(waiter: Waiter) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    waiter.watch_process(child.pid, "child")
    assert ("child", child.pid) in until(waiter, "child")


def test_a_kernel_without_pidfd(waiter: Waiter, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    waiter.watch_process(child.pid, "child")
    assert waiter.wait(0) == []
    child.stdin.close()
    assert ("child", child.pid) in until(waiter, "child")
    child.wait()


def test_an_ended_process_is_told_alone_and_its_pipe_keeps_its_data(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    waiter.add_reader(reader, "pipe", flood=True)
    child = subprocess.Popen(["sh", "-c", "echo last words"], stdout=writer)
    os.close(writer)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    waiter.watch_process(child.pid, "child")
    events = waiter.wait(1)
    assert ("child", child.pid) in events and "pipe" not in dict(events)
    assert waiter.drain("pipe") == b"last words\n"
    assert waiter.drain("unknown") == b""
    child.wait()
    waiter.remove("child")
    waiter.remove("pipe")


def test_a_signal_ends_the_wait(waiter: Waiter) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert waiter.wait(60) == []
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_child_that_changes_is_told(waiter: Waiter) -> None:
    child = subprocess.Popen(["true"])
    assert (CHILDREN, 0) in until(waiter, CHILDREN)
    child.wait()
