"""Work in a thread of its own, which nobody has to wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from steelyard.machine.beside import beside


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


def test_work_that_hangs_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import asyncio, contextlib, time\n"
        "from steelyard.machine.beside import beside\n"
        "async def main():\n"
        "    with contextlib.suppress(TimeoutError):\n"
        "        await beside(lambda: time.sleep(3600), within=0.01)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
