"""Is what we say that a tree holds what the kernel says? And what does watching large trees cost?

Each kind of program runs in a control group of its own, whose figure (anonymous and shared memory, and what
the kernel itself needs for it) is the truth: to reach is within 10 %. Then 8 trees of 40 processes of 300 MB
each are sampled as the sidecar does it: to reach is at most 3 % of a core. Root on Linux.

`.venv/bin/python scripts/bench/footprints.py`, or with the names of some kinds. It prints a table; nothing is
asserted, machines differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.limited import V2, Limited, limited
from steelyard.machine.memory import probe
from steelyard.machine.processes import TreeSampler

MIB = 2**20
RATE = 4

HEAD = """
import os, sys, time, mmap
MIB = 2**20
def fork(work):
    pid = os.fork()
    if not pid:
        work()
        time.sleep(600)
        os._exit(0)
def touch(memory, step=4096):
    for at in range(0, len(memory), step):
        memory[at] = 1
def read(memory):
    return sum(memory[::4096])
def segment(size):
    held.append(mmap.mmap(-1, size))
    touch(held[-1])
held = []
folder = sys.argv[1]
"""
KINDS = {
    "one process of 400 MiB": "held = bytearray(b'x') * (400 * MIB)",
    "400 MiB, and 40 forks that read it": """
held = memoryview(bytearray(b'x') * (400 * MIB))
for _ in range(40): fork(lambda: read(held))
""",
    "400 MiB, and 8 forks that write to half": """
held = bytearray(b'x') * (400 * MIB)
for _ in range(8): fork(lambda: touch(memoryview(held)[: 200 * MIB]))
""",
    "100 MiB, and 8 forks of 100 MiB each": """
held = bytearray(b'x') * (100 * MIB)
def work():
    global own
    own = bytearray(b'y') * (100 * MIB)
for _ in range(8): fork(work)
""",
    "a pool by fork, 6 times 150 MiB, tasks": """
import multiprocessing
def job(n):
    own = bytearray(b'y') * (150 * MIB)
    time.sleep(0.3)
    return len(own)
base = bytearray(b'x') * (200 * MIB)
pool = multiprocessing.get_context("fork").Pool(6, maxtasksperchild=4)
def forever():
    while True: pool.map(job, range(24), chunksize=1)
import threading
threading.Thread(target=forever, daemon=True).start()
time.sleep(1)
""",
    "8 other programs of 60 MiB each": """
import subprocess
for _ in range(8):
    subprocess.Popen([sys.executable, "-c", "import time; own = b'x' * (60 * 2**20); time.sleep(600)"])
time.sleep(1)
""",
    "4 segments of 300 MiB, one a process": """
for _ in range(4): fork(lambda: segment(300 * MIB))
""",
    "one segment of 600 MiB, mapped by 8": """
shared = mmap.mmap(-1, 600 * MIB)
touch(shared)
for _ in range(8): fork(lambda: read(shared))
""",
    "a mapped file of 600 MiB": """
with open(folder + "/mapped", "wb") as file:
    for _ in range(600): file.write(os.urandom(MIB))
file = open(folder + "/mapped", "rb")
mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
read(mapped)
""",
    "a file of 600 MiB that is read again": """
with open(folder + "/read", "wb") as file:
    for _ in range(600): file.write(os.urandom(MIB))
for _ in range(3):
    with open(folder + "/read", "rb") as file:
        while file.read(MIB): pass
""",
    "300 MiB in /dev/shm, not mapped": """
name = "/dev/shm/footprints-%d" % os.getpid()
with open(name, "wb") as file:
    for _ in range(300): file.write(b"x" * MIB)
file = open(name, "rb")
os.unlink(name)
""",
}
TAIL = """
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass
class Watched:
    """A sampler that looks closer in a thread, as the sidecar's does; its CPU seconds are all of ours."""

    sampler: TreeSampler

    def look(self, roots: dict[str, int]) -> dict[str, int]:
        """One sample: bytes by root."""
        found = {key: use.memory for key, use in self.sampler.sample(roots).items()}
        if self.sampler.wants_closer_look():
            threading.Thread(target=self.sampler.look_closer).start()
        return found


def truth(group: Limited) -> int:
    """Bytes that the kernel says a group holds: no pages of files."""
    table = dict(line.split() for line in (group.folder / "memory.stat").read_text().splitlines())
    if group.version == V2:
        return sum(int(table[name]) for name in ("anon", "shmem", "kernel")) - int(table["slab_reclaimable"])
    kernel = int((group.folder / "memory.kmem.usage_in_bytes").read_text())
    return int(table["total_rss"]) + int(table["total_shmem"]) + kernel


@contextlib.contextmanager
def running(enter: tuple[str, ...], program: str, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has made what it holds."""
    process = subprocess.Popen(
        [*enter, sys.executable, "-c", HEAD + program + TAIL, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def compare(name: str, seconds: float) -> None:
    """One line of the table."""
    with (
        limited(probe().total - 1) as group,
        tempfile.TemporaryDirectory() as folder,
        running(group.enter, KINDS[name], folder) as process,
    ):
        watched, said, ratios = Watched(TreeSampler()), 0, []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            said, kernel = watched.look({"tree": process.pid})["tree"], truth(group)
            ratios.append(said / kernel)
            time.sleep(1 / RATE)
        ratios = sorted(ratios[2:])
        middle = ratios[len(ratios) // 2]
        print(
            f"{name:42}{kernel / MIB:9.0f}{said / MIB:9.0f}{middle:8.2f}{ratios[0]:8.2f}{ratios[-1]:8.2f}",
            flush=True,
        )


def cost(trees: int, children: int, size: int, seconds: float) -> None:
    """CPU share of sampling so many trees."""
    program = f"""
held = memoryview(bytearray(b'x') * ({size} * 10**6))
for _ in range({children - 1}): fork(lambda: read(held))
"""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(running((), program, "")) for _ in range(trees)]
        roots = {str(number): process.pid for number, process in enumerate(started)}
        watched, began, before = Watched(TreeSampler()), time.monotonic(), time.process_time()
        longest, found = 0.0, {}
        while time.monotonic() - began < seconds:
            at = time.thread_time()
            found = watched.look(roots)
            longest = max(longest, time.thread_time() - at)
            time.sleep(max(1 / RATE, watched.sampler.rest))
        share = 100 * (time.process_time() - before) / (time.monotonic() - began)
        sizes = sorted(found.values())
        print(
            f"\n{trees} trees of {children} processes of {size} MB: {share:.2f} % of a core over "
            f"{seconds:g} s (to reach: 3), {1000 * longest:.0f} ms at one go; "
            f"a tree holds {sizes[0] / 1e6:.0f} to {sizes[-1] / 1e6:.0f} MB"
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help="parts of names; without any all, and the cost")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--cost-seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    wanted = [name for name in KINDS if any(part in name for part in chosen.kinds or [""])]
    print(f"{'MiB':42}{'kernel':>9}{'ours':>9}{'ratio':>8}{'least':>8}{'most':>8}")
    for name in wanted:
        compare(name, chosen.seconds)
    if not chosen.kinds or "cost" in chosen.kinds:
        cost(8, 40, 300, chosen.cost_seconds)


if __name__ == "__main__":
    main()
