"""A task of the memory batch: grows to its peak in the first fifth of its time, and holds it to the end.

    python job.py GIB SECONDS

A real process that really touches every page. `grow` does the same inside a process that is there already.
"""

from __future__ import annotations

import sys
import time

STEP = 16 * 2**20
RAMP = 0.2


def grow(gib: float, seconds: float) -> int:
    """Take so many GiB, hold them until so many seconds are over; the bytes that were held."""
    began = time.monotonic()
    wanted, held, size = int(gib * 2**30), [], 0
    while size < wanted:
        block = bytearray(min(STEP, wanted - size))
        for page in range(0, len(block), 4096):
            block[page] = 1
        held.append(block)
        size += len(block)
        due = began + RAMP * seconds * size / wanted
        if due > time.monotonic():
            time.sleep(due - time.monotonic())
    left = began + seconds - time.monotonic()
    if left > 0:
        time.sleep(left)
    return sum(len(block) for block in held)


if __name__ == "__main__":
    grow(float(sys.argv[1]), float(sys.argv[2]))
