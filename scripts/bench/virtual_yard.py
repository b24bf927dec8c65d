"""A yard of tasks under a virtual clock, in which the very code of `steelyard.rules` decides.

arrange(), choose() and, in by_samples(), the memory ladder. Tasks grow to their peak in the first fifth of
their time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from steelyard.rules import scheduling, sweep_order
from steelyard.rules.admission import MemoryView
from steelyard.rules.footprint import Experience, PastRun
from steelyard.rules.ladder import Ladder, next_steps
from steelyard.rules.pressure import Signs
from steelyard.rules.scheduling import Candidate, Room, Running
from steelyard.rules.weighing import Weighed

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
    """A task: what it really takes (bytes, seconds, cores), and what it is thought to take.

    parameters: what by_events() may learn its duration from.
    """

    name: str
    peak: int
    seconds: float
    cores: int = 1
    claim: int = 0
    guess: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Moment:
    """What is known from `time` on until the next task ends: who ended (the newest first), who runs and since
    when, who waits.
    """

    time: float
    ended: tuple[Job, ...]
    running: tuple[tuple[Job, float], ...]
    waiting: tuple[Job, ...]


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


def by_events(
    jobs: Sequence[Job],
    machine: Machine,
    *,
    ordered: bool = False,
    learning: bool = False,
    moments: list[Moment] | None = None,
) -> Outcome:
    """From end to end: claims are kept to, so nothing presses.

    learning: what has ended tells, by its parameters, how long the others will take. moments: is given one
    after each start.
    """
    past: list[PastRun] = []
    gone: list[Job] = []
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
        if moments is not None:
            runs = tuple((one.job, one.started) for one in active)
            moments.append(Moment(now, tuple(reversed(gone)), runs, tuple(queue)))
        now, _, ended = heapq.heappop(ends)
        active.remove(ended)
        gone.append(ended.job)
        if learning:
            past.insert(0, PastRun(ended.job.parameters, ended.job.peak, ended.job.seconds))
            known = Experience(past)
            queue = [_taught(job, known) for job in queue]
            for one in active:
                one.job = _taught(one.job, known)
    out.makespan, out.unfinished = now, len(queue)
    return out


def _taught(job: Job, known: Experience) -> Job:
    found = known.of(job.parameters)
    return replace(job, guess=None if found is None else found.longest)


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
        ladder, steps = next_steps(ladder, Signs(machine.memory, available, guard), weighed, now)
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
