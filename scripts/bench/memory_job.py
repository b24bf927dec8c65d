"""A program with a memory profile: phases of `size:seconds[:rate]`, one after the other.

In each it goes to so many MiB (rate: MiB a second; without it at once), and then works for so many seconds in
which it is not suspended. A phase that begins with `child:` is one of a child process. Run by the tests of
the memory guard, and by the bench of its profiles.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
import time

BLOCK = 2
"""MiB that are taken or given back together."""
TICK = 0.02
CHILD = "child:"


def main(phases: list[str]) -> None:
    """Goes through all phases."""
    held: list[mmap.mmap] = []
    for phase in phases:
        if phase.startswith(CHILD):
            subprocess.run([sys.executable, "-I", "-S", __file__, phase.removeprefix(CHILD)], check=True)
            continue
        size, seconds, rate = (float(part) for part in [*phase.split(":"), "0"][:3])
        while len(held) * BLOCK < size:
            block = mmap.mmap(-1, BLOCK * 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            block.write(b"x" * len(block))
            held.append(block)
            if rate:
                time.sleep(BLOCK / rate)
        while held and len(held) * BLOCK > size:
            held.pop().close()
        for _ in range(int(seconds / TICK)):
            time.sleep(TICK)


if __name__ == "__main__":
    main(sys.argv[1:])
