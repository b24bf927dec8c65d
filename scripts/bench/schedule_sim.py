"""The rules of scheduling on machines that nobody here has, under a virtual clock.

The very code of `steelyard.rules` decides: arrange(), choose() and, with --ladder, the memory ladder. Tasks
grow to their peak in the first fifth of their time. Nothing is asserted. Run it with the program's own
Python:

    .venv/bin/python scripts/bench/schedule_sim.py                     # the memory batch, and 200 random ones
    .venv/bin/python scripts/bench/schedule_sim.py --tasks 10000 --cores 64 --memory 512GiB --workers 64
    .venv/bin/python scripts/bench/schedule_sim.py --ladder --error 0.5

To reach: the mean makespan of the random batches within 10 % of the best of largest-area-first and 200 random
orders, nothing waits for ever, and 10,000 tasks in under a minute.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from steelyard.rules import pressure, scheduling, sweep_order
from steelyard.rules.admission import MemoryView
from steelyard.rules.pressure import Ladder, Signs, Weighed
from steelyard.rules.quantities import GIB, format_size, parse_size
from steelyard.rules.scheduling import Candidate, Room, Running

BATCH = Path(__file__).parent / "data" / "memory_batch.json"
"""24 tasks of 0.3 to 4 GiB and 2 to 6 s, measured in a budget of 10 GiB."""

WINDOW = 256
"""As supervisor.dispatch looks at the queue."""

RAMP = 0.2
"""Share of its time in which a task grows to its peak."""

SAMPLE = 1.0
"""Virtual seconds between two looks of the ladder: tasks here take minutes to hours."""

LOOK_AGAIN = 60.0
"""Virtual seconds after which a queue is looked at again though the room has not changed."""


@dataclass(frozen=True, eq=False)
class Job:
    """A task: what it really takes (bytes, seconds, cores), and what it is thought to take."""

    name: str
    peak: int
    seconds: float
    cores: int = 1
    claim: int = 0
    guess: float | None = None


@dataclass
class Machine:
    """What there is: bytes that tasks share, cores, workers."""

    memory: int
    cores: int
    workers: int


@dataclass
class Outcome:
    """What came of a queue: seconds until all was done, the longest wait, and what was ended or killed."""

    makespan: float = 0.0
    started: int = 0
    longest_wait: float = 0.0
    unfinished: int = 0
    ended: int = 0
    killed: int = 0


@dataclass(eq=False)
class Active:
    """A running task; done: seconds of its work."""

    job: Job
    started: float
    done: float = 0.0
    suspended: bool = False
    used: float = 0.0

    @property
    def uses(self) -> int:
        return int(self.job.peak * min(1.0, self.done / max(1e-9, RAMP * self.job.seconds)))


@dataclass
class Yard:
    """A queue played through. ordered: in the given order; else as inside a sweep, the largest area first."""

    machine: Machine
    ordered: bool = False
    passes: dict[str, int] = field(default_factory=dict)

    def start(self, queue: list[Job], active: list[Active], now: float, full_use: bool) -> list[Job]:
        """Start what may start; what was started leaves the queue."""
        started: list[Job] = []
        line = self._line(queue, active, now, full_use)
        while line and len(active) + len(started) < self.machine.workers:
            free, running = self._room(active, started, now, full_use)
            choice = scheduling.choose(map(self._candidate, line), free, running)
            if choice.start is None:
                break
            for passed in choice.passed:
                self.passes[passed] = self.passes.get(passed, 0) + 1
            chosen = next(job for job in line if job.name == choice.start.task_id)
            line.remove(chosen)
            queue.remove(chosen)
            started.append(chosen)
        return started

    def _line(self, queue: list[Job], active: list[Active], now: float, full_use: bool) -> list[Job]:
        """What is looked at, in the order of the rules."""
        line = queue[:WINDOW]
        if self.ordered or len(active) >= self.machine.workers:
            return line
        free, running = self._room(active, [], now, full_use)
        order = sweep_order.arrange(
            [self._candidate(job) for job in line], free, running, self.machine.workers
        )
        by_name = {job.name: job for job in line}
        return [by_name[candidate.task_id] for candidate in order]

    def _room(
        self, active: list[Active], started: list[Job], now: float, full_use: bool
    ) -> tuple[Room, list[Running]]:
        running = [
            Running(one.job.claim, one.job.claim if full_use else one.uses, one.job.cores, _left(one, now))
            for one in active
        ] + [Running(job.claim, 0, job.cores, job.guess) for job in started]
        free = self.machine.memory - sum(max(each.claim, each.uses) for each in running)
        view = MemoryView(self.machine.memory, self.machine.memory - sum(each.uses for each in running), 0)
        cores = scheduling.cores_free(self.machine.cores, self.machine.workers, running)
        return Room(free, cores, not running, view), running

    def _candidate(self, job: Job) -> Candidate:
        return Candidate(
            job.name,
            job.claim,
            "learned",
            job.cores,
            self.passes.get(job.name, 0),
            known_duration=job.guess,
            group=None if self.ordered else "sweep",
        )


def _left(one: Active, now: float) -> float | None:
    if one.job.guess is None:
        return None
    return max(0.0, one.job.guess - (now - one.started)) or None


def by_events(jobs: Sequence[Job], machine: Machine, *, ordered: bool = False) -> Outcome:
    """From end to end: claims are kept to, so nothing presses."""
    yard, queue, out = Yard(machine, ordered), list(jobs), Outcome()
    active: list[Active] = []
    ends: list[tuple[float, int, Active]] = []
    now, number = 0.0, 0
    while queue or ends:
        for job in yard.start(queue, active, now, full_use=True):
            one = Active(job, now)
            active.append(one)
            heapq.heappush(ends, (now + job.seconds, number, one))
            number += 1
            out.started += 1
            out.longest_wait = max(out.longest_wait, now)
        if not ends:
            break
        now, _, ended = heapq.heappop(ends)
        active.remove(ended)
    out.makespan, out.unfinished = now, len(queue)
    return out


def by_samples(jobs: Sequence[Job], machine: Machine, guard: int) -> Outcome:
    """In steps of SAMPLE: tasks grow past their claims, the ladder acts, and a virtual kernel kills."""
    yard, queue, out = Yard(replace(machine, memory=machine.memory - guard)), list(jobs), Outcome()
    active: list[Active] = []
    ladder, now = Ladder(), 0.0
    looked: tuple[object, float] = (None, 0.0)
    # A thousand times the bound: whoever has not ended by then waits for ever, and is told as unfinished.
    while (queue or active) and now < 1000 * lower_bound(jobs, machine):
        free = machine.memory - sum(max(one.job.claim, one.uses) for one in active)
        room = (len(active), free)
        if queue and not ladder.holding and (room != looked[0] or now >= looked[1] + LOOK_AGAIN):
            looked = room, now
            for job in yard.start(queue, active, now, full_use=False):
                active.append(Active(job, now))
                out.started += 1
                out.longest_wait = max(out.longest_wait, now)
                looked = None, now
        now += SAMPLE
        for one in active:
            one.used = one.uses
            if not one.suspended:
                one.done += SAMPLE
        active = [one for one in active if one.done < one.job.seconds]
        while sum(one.uses for one in active) > machine.memory:
            victim = max(active, key=lambda one: one.uses)
            active.remove(victim)
            queue.insert(0, _raised(victim))
            out.killed += 1
        available = machine.memory - sum(one.uses for one in active)
        weighed = [
            Weighed(
                one.job.name,
                one.job.claim,
                one.uses,
                (one.uses - one.used) / SAMPLE,
                one.done,
                "guard" if one.suspended else None,
            )
            for one in active
        ]
        ladder, steps = pressure.step(ladder, Signs(machine.memory, available, guard), weighed, now)
        for step in steps:
            chosen = [one for one in active if one.job.name == step.task_id]
            for one in chosen:
                if step.kind == "end":
                    active.remove(one)
                    queue.insert(0, _raised(one))
                    out.ended += 1
                else:
                    one.suspended = step.kind == "suspend"
    out.makespan, out.unfinished = now, len(queue) + len(active)
    return out


def _raised(one: Active) -> Job:
    return replace(one.job, claim=max(one.job.claim, int(one.uses * 1.5)))


def lower_bound(jobs: Sequence[Job], machine: Machine) -> float:
    """No schedule is shorter than the longest task, or than the areas of memory or cores allow."""
    return max(
        max(job.seconds for job in jobs),
        sum(job.peak * job.seconds for job in jobs) / machine.memory,
        sum(job.cores * job.seconds for job in jobs) / machine.cores,
        sum(job.seconds for job in jobs) / machine.workers,
    )


def memory_batch() -> list[Job]:
    """The batch of the issue, as jobs whose peaks and durations are known."""
    return [
        Job(str(one["id"]), int(one["P_gib"] * GIB), one["D_s"], 1, int(one["P_gib"] * GIB), one["D_s"])
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
