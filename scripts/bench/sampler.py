"""What watching costs: TreeSampler over 8 workers with 3 children each, and a memory probe.

To reach: at most 1 % of one core at 4 samples a second. Run it with the program's own Python:
`.venv/bin/python scripts/bench/sampler.py`. It prints a table; nothing is asserted, machines differ.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from steelyard.machine.memory import probe
from steelyard.machine.processes import TreeSampler
from steelyard.machine.processes.portable import Processes as PortableProcesses

WORKER = """
import subprocess, sys, threading
threads, children = int(sys.argv[1]), int(sys.argv[2])
for _ in range(threads - 1):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
kept = [
    subprocess.Popen([sys.executable, "-I", "-S", "-c", sys.argv[3], str(threads), "0", ""],
                     stdin=subprocess.PIPE)
    for _ in range(children)
]
print("ready", flush=True)
sys.stdin.read()
"""
GOAL = 1.0
RATE = 4


def start(workers: int, children: int, threads: int) -> list[subprocess.Popen[bytes]]:
    """Trees that only wait; they end when their standard input does."""
    command = [sys.executable, "-I", "-S", "-c", WORKER, str(threads), str(children), WORKER]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(workers)
    ]
    for process in started:
        assert process.stdout is not None
        # One line a process of the tree, all into the same pipe.
        for _ in range(children + 1):
            process.stdout.readline()
    return started


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Closes their standard input and waits."""
    for process in processes:
        process.communicate()


def cost(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """(CPU ms of one call, the median of its wall ms). CPU time counts: other people share this machine."""
    call()
    walls = []
    cpu = time.process_time()
    for _ in range(rounds):
        before = time.perf_counter()
        call()
        walls.append(time.perf_counter() - before)
    return (time.process_time() - cpu) / rounds * 1e3, statistics.median(walls) * 1e3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--children", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, default=1, help="of every process (children are listed by thread)"
    )
    parser.add_argument("--rounds", type=int, default=200)
    chosen = parser.parse_args()
    trees = start(chosen.workers, chosen.children, chosen.threads)
    try:
        roots = {str(number): process.pid for number, process in enumerate(trees)}
        sampler, portable = TreeSampler(), TreeSampler(PortableProcesses())
        seen = sum(use.processes for use in sampler.sample(roots).values())
        print(f"{chosen.workers} workers, {seen} processes of {chosen.threads} thread(s) each")
        print(f"{'':34}{'CPU ms':>8}{'wall ms':>9}{f'% of a core at {RATE} Hz':>22}")
        rows: list[tuple[str, Callable[[], object]]] = [
            ("TreeSampler", lambda: sampler.sample(roots)),
            ("memory.probe", probe),
            ("TreeSampler by psutil, to compare", lambda: portable.sample(roots)),
        ]
        for name, call in rows:
            cpu, wall = cost(call, chosen.rounds)
            print(f"{name:34}{cpu:8.2f}{wall:9.2f}{cpu * RATE / 10:22.2f}")
        print(f"To reach: {GOAL:.0f} % for TreeSampler and memory.probe together.")
    finally:
        stop(trees)


if __name__ == "__main__":
    main()
