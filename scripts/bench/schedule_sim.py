"""The rules of scheduling on machines that nobody here has, under a virtual clock.

The very code of `steelyard.rules` decides (virtual_yard.py). Nothing is asserted. Run it with the program's
own Python:

    .venv/bin/python scripts/bench/schedule_sim.py                     # the memory batch, and 200 random ones
    .venv/bin/python scripts/bench/schedule_sim.py --tasks 10000 --cores 64 --memory 512GiB --workers 64
    .venv/bin/python scripts/bench/schedule_sim.py --ladder --error 0.5

To reach: the mean makespan of the random batches within 10 % of the best of largest-area-first and 200 random
orders, nothing waits for ever, and 10,000 tasks in under a minute.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from steelyard.rules.quantities import GIB, format_size, parse_size

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.virtual_yard import Job, Machine, by_events, by_samples, lower_bound

BATCH = Path(__file__).parent / "data" / "memory_batch.json"
"""24 tasks of 0.3 to 4 GiB and 2 to 6 s, measured in a budget of 10 GiB."""


def memory_batch() -> list[Job]:
    """The batch of the issue, as jobs whose peaks and durations are known."""
    return [
        Job(
            str(one["id"]),
            peak := int(one["P_gib"] * GIB),
            one["D_s"],
            claim=peak,
            guess=one["D_s"],
            parameters={"gib": one["P_gib"], "seconds": one["D_s"]},
        )
        for one in json.loads(BATCH.read_text(encoding="utf-8"))
    ]


def random_jobs(count: int, machine: Machine, error: float, rng: random.Random) -> list[Job]:
    """Many small ones and few large ones, minutes to hours; claims and guesses are off by up to `error`."""
    jobs = []
    for number in range(count):
        share = min(0.6, rng.lognormvariate(math.log(0.08), 0.9))
        seconds = min(14_400.0, rng.lognormvariate(math.log(600.0), 0.8))
        peak = max(1, int(share * machine.memory))
        off = rng.uniform(1 - error, 1 + error)
        jobs.append(Job(str(number), peak, seconds, 1, max(1, int(peak * off)), seconds * off))
    return jobs


def kept_to(jobs: Sequence[Job]) -> list[Job]:
    """The same with claims that are kept to; guesses of durations stay as wrong as they are."""
    return [replace(job, claim=job.peak) for job in jobs]


def known(jobs: Sequence[Job]) -> list[Job]:
    """The same with peaks and durations as they will be."""
    return [replace(job, claim=job.peak, guess=job.seconds) for job in jobs]


def shuffled(jobs: Sequence[Job], rng: random.Random) -> list[Job]:
    """The same in another order."""
    return rng.sample(list(jobs), len(jobs))


def show_memory_batch() -> None:
    """The batch of 24 tasks by each policy."""
    jobs, machine = memory_batch(), Machine(10 * GIB, 16, 8)
    bound = lower_bound(jobs, machine)
    print(f"The memory batch: 24 tasks, 10 GiB, 8 workers; lower bound {bound:.1f} s")
    unknown = [replace(job, guess=None) for job in jobs]
    rows = {
        "given order, durations unknown": by_events(unknown, machine, ordered=True),
        "given order, durations known": by_events(jobs, machine, ordered=True),
        "free order, durations unknown": by_events(unknown, machine),
        "free order, learned while it runs": by_events(unknown, machine, learning=True),
        "free order, durations known": by_events(jobs, machine),
    }
    for name, found in rows.items():
        print(f"  {name:36}{found.makespan:6.1f} s  {found.makespan / bound:5.2f} x bound")


def show_random_batches(options: argparse.Namespace, machine: Machine) -> None:
    """Our choice against the best of largest-area-first and many random orders."""
    rng = random.Random(options.seed)
    ratios, bounds, waits, left = [], [], [], 0
    for _ in range(options.batches):
        guessed = kept_to(random_jobs(options.batch, machine, options.error, rng))
        jobs = known(guessed)
        ours = by_events(guessed, machine)
        area = sorted(jobs, key=lambda job: job.claim * job.seconds, reverse=True)
        best = by_events(area, machine, ordered=True).makespan
        for _ in range(options.orders):
            best = min(best, by_events(shuffled(jobs, rng), machine, ordered=True).makespan)
        left += ours.unfinished
        ratios.append(ours.makespan / best)
        bounds.append(ours.makespan / lower_bound(jobs, machine))
        waits.append(ours.longest_wait / ours.makespan)
    print(
        f"\n{options.batches} random batches of {options.batch} tasks on {format_size(machine.memory)}, "
        f"{machine.cores} cores, {machine.workers} workers, guesses of durations off by up to "
        f"{options.error:.0%}\n"
        f"  mean makespan over the best of area-first and {options.orders} random orders: "
        f"{statistics.fmean(ratios):.3f} (to reach 1.10; worst {max(ratios):.3f})\n"
        f"  mean makespan over the lower bound: {statistics.fmean(bounds):.3f}\n"
        f"  tasks never started: {left}; the latest start, as a share of the makespan: {max(waits):.2f}"
    )


def show_queue(options: argparse.Namespace, machine: Machine) -> None:
    """One long queue."""
    jobs = random_jobs(options.tasks, machine, options.error, random.Random(options.seed))
    began = time.perf_counter()
    found = (
        by_samples(jobs, machine, machine.memory // 10)
        if options.ladder
        else by_events(kept_to(jobs), machine)
    )
    took = time.perf_counter() - began
    wrong = "claims and durations" if options.ladder else "durations"
    ladder = ", with the ladder" if options.ladder else ""
    over = found.makespan / lower_bound(jobs, machine)
    print(
        f"\n{options.tasks} tasks on {format_size(machine.memory)}, {machine.cores} cores, {machine.workers} "
        f"workers, {wrong} off by up to {options.error:.0%}{ladder}\n"
        f"  makespan {found.makespan / 3600:.2f} h, {over:.3f} x bound; "
        f"started {found.started}, unfinished {found.unfinished}, "
        f"ended by the guard {found.ended}, killed {found.killed}\n"
        f"  simulated in {took:.1f} s"
    )


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, help="one long queue of so many tasks instead of the batches")
    parser.add_argument("--memory", type=parse_size, default=64 * GIB, help="shared by the tasks (64GiB)")
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--error", type=float, default=0.0, help="how far estimates may be off (0.3: 30 %%)")
    parser.add_argument("--ladder", action="store_true", help="tasks grow past their claims, the guard acts")
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--batch", type=int, default=40, help="tasks of a random batch")
    parser.add_argument("--orders", type=int, default=200, help="random orders to compare with")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    machine = Machine(options.memory, options.cores, options.workers)
    if options.tasks or options.ladder:
        options.tasks = options.tasks or 200
        show_queue(options, machine)
        return
    show_memory_batch()
    show_random_batches(options, machine)


if __name__ == "__main__":
    main()
