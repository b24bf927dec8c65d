"""A model that puts an array into shared memory and never unlinks it: Python's resource tracker does, right
after it. Run as a program; it imports nothing of ours.

leaves_segment.py <how> <name>     how: ok, crash, exit (os._exit), wait (until it is stopped), grow (the
same, with 150 MiB of its own in the first process and in each of its pool)
"""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import Pool, shared_memory

SIZE = 4 * 2**20
LARGE = 150 * 2**20


def work(how: str) -> int:
    """What one of the pool does."""
    held = bytearray(LARGE if how == "grow" else 0)
    if how in ("wait", "grow"):
        time.sleep(600)
    return len(held)


def main(how: str, name: str) -> None:
    """Hold the segment, use it, and end in the way that was asked for."""
    segment = shared_memory.SharedMemory(create=True, size=SIZE, name=name)
    segment.buf[:SIZE:4096] = b"x" * (SIZE // 4096)
    held = bytearray(LARGE if how == "grow" else 0)
    with Pool(2) as pool:
        pending = pool.map_async(work, [how] * 2)
        print("all there", flush=True)
        pending.get()
        if how == "exit":
            os._exit(3)
    if how == "crash":
        raise RuntimeError("diverged in year 2031")
    print("done", len(held))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
