"""Work in a thread of its own, which nobody has to wait for."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time

import pytest

from steelyard.machine.beside import COMPUTING, Threads, beside, compute
from tests.helpers.layers import PACKAGE


async def test_it_hands_back_what_the_work_returns_or_raises() -> None:
    assert await beside(threading.current_thread) is not threading.current_thread()
    assert await beside(lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await beside(lambda: next(iter(())))


async def test_who_no_longer_waits_leaves_the_thread_to_itself() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(60)
        done.set()

    with pytest.raises(TimeoutError):
        await beside(work, within=0.01)
    waiting = asyncio.create_task(beside(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not done.is_set()
    go.set()
    assert done.wait(60)


async def test_hanging_work_keeps_no_arithmetic_waiting() -> None:
    over = threading.Event()
    hanging = [asyncio.ensure_future(beside(lambda: over.wait(60))) for _ in range(50)]
    try:
        assert await asyncio.gather(*(compute(lambda number=n: number * 2) for n in range(100))) == [
            2 * n for n in range(100)
        ]
    finally:
        over.set()
        await asyncio.gather(*hanging)


async def test_few_compute_at_a_time() -> None:
    going, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        time.sleep(0.002)
        with lock:
            going -= 1

    await asyncio.gather(*(compute(work) for _ in range(40)))
    assert 1 <= most <= COMPUTING


async def test_one_thread_takes_its_work_in_order_and_leaves_out_what_nobody_waits_for() -> None:
    threads, may, done = Threads("one"), threading.Event(), list[int]()
    first = asyncio.ensure_future(threads.run(lambda: may.wait(60)))
    others = [asyncio.ensure_future(threads.run(lambda number=n: done.append(number))) for n in range(5)]
    await asyncio.sleep(0)
    others[2].cancel()
    may.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    assert done == [0, 1, 3, 4]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert threads.close(lambda: done.append(5), within=30)
    assert done[-1] == 5
    with pytest.raises(RuntimeError, match="one takes no more work"):
        await threads.run(lambda: None)


async def test_closing_waits_no_longer_than_it_is_told() -> None:
    threads, over = Threads("hanging"), threading.Event()
    hanging = asyncio.ensure_future(threads.run(lambda: over.wait(60)))
    await asyncio.sleep(0)
    assert not threads.close(lambda: None, within=0.01)
    over.set()
    assert await hanging


ENDS = """
import asyncio, contextlib, time
from steelyard.machine.beside import Threads, beside, compute
async def main():
    forever, one = lambda: time.sleep(3600), Threads("one")
    waiting = [asyncio.ensure_future(work(forever)) for work in [beside, compute, one.run] * 10]
    await asyncio.wait(waiting, timeout=0.1)
asyncio.run(main())
"""


def test_threads_that_hang_do_not_keep_the_program_from_ending() -> None:
    assert subprocess.run([sys.executable, "-c", ENDS], timeout=60, check=False).returncode == 0


def test_no_other_threads_are_started_anywhere() -> None:
    """The interpreter waits at its end for the threads of an executor, and one that hangs never ends."""
    words = re.compile(r"\b(to_thread|run_in_executor|ThreadPoolExecutor|run_sync)\b\(")
    found = {path.name for path in PACKAGE.rglob("*.py") if words.search(path.read_text(encoding="utf-8"))}
    assert found <= {"beside.py"}, "run it with beside() or compute()"
    assert words.search("await asyncio.to_thread(work)")
