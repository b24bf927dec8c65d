"""What the ladder promises, on machines and tasks that are made up at random."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules import retry
from steelyard.rules.ladder import CALM, Ladder, next_steps
from steelyard.rules.pressure import CRITICAL_SHARE, Signs
from steelyard.rules.quantities import GIB, MIB
from steelyard.rules.retry import PastAttempt
from steelyard.rules.states import Cause, TaskState
from steelyard.rules.weighing import Step, Weighed

LOOK = 0.25
SIZES = st.integers(16, 4096).map(lambda mib: mib * MIB)

suspended = st.builds(
    Weighed,
    task_id=st.uuids().map(str),
    claim=SIZES,
    uses=SIZES,
    growth=st.just(0.0),
    unsaved=st.floats(0, 1e5),
    suspended=st.sampled_from(["guard", "guard", "guard", "user", None]),
    peak=SIZES,
)


@given(st.lists(suspended, min_size=1, max_size=10, unique_by=lambda one: one.task_id), SIZES)
def test_whoever_fits_goes_on_within_a_minute_of_calm(tasks: list[Weighed], above: int) -> None:
    """Nothing grows, and so much is above the guard, too little to try what does not fit: after a minute
    nobody stands still for whom there is room.
    """
    signs = Signs(64 * GIB, 17 * GIB + above, 17 * GIB)
    ladder, now = Ladder(holding=True), 0.0
    while now < 60:
        ladder, steps = next_steps(ladder, signs, tasks, now)
        resumed = {step.task_id for step in steps if step.kind == "resume"}
        assert {step.kind for step in steps} <= {"resume", "release"}
        tasks = [replace(one, suspended=None) if one.task_id in resumed else one for one in tasks]
        now += LOOK
    promised = sum(one.still_grows_by for one in tasks if one.goes_on)
    still = [one for one in tasks if one.suspended == "guard"]
    assert not any(one.needs_to_go_on <= above - promised for one in still)
    assert not ladder.holding
    assert not still or any(one.goes_on for one in tasks)


@dataclass
class Grows:
    """A task on its way to its peak; seconds: of work."""

    name: str
    claim: int
    peak: int
    rate: int
    seconds: float
    uses: int = 0
    done: float = 0.0
    suspended: bool = False
    was: int = 0


@dataclass
class Watched:
    """A machine whose memory our tasks and others take, a look every quarter of a second."""

    tasks: list[Grows]
    total: int
    guard: int
    foreign: int = 0
    now: float = 0.0
    ladder: Ladder = field(default_factory=Ladder)
    killed: int = 0

    @property
    def available(self) -> int:
        return self.total - self.foreign - sum(one.uses for one in self.tasks)

    def work(self) -> None:
        self.now += LOOK
        for one in self.tasks:
            one.was = one.uses
            if not one.suspended:
                one.uses = max(one.uses, min(one.peak, one.uses + int(one.rate * LOOK)))
                one.done += LOOK
        self.tasks = [one for one in self.tasks if one.done < one.seconds]
        while self.available < 0 and self.tasks:
            self.killed += 1
            self.tasks.remove(max(self.tasks, key=lambda one: one.uses))

    def look(self) -> list[Step]:
        weighed = [
            Weighed(
                one.name,
                one.claim,
                one.uses,
                (one.uses - one.was) / LOOK,
                one.done,
                "guard" if one.suspended else None,
            )
            for one in self.tasks
        ]
        signs = Signs(self.total, self.available, self.guard)
        self.ladder, steps = next_steps(self.ladder, signs, weighed, self.now)
        for one in self.tasks:
            for step in steps:
                if step.task_id == one.name and step.kind in ("suspend", "resume"):
                    one.suspended = step.kind == "suspend"
        return steps


@given(
    st.lists(st.tuples(SIZES, SIZES, st.integers(1, 1000)), min_size=1, max_size=6),
    st.floats(5, 60),
    st.floats(0.1, 1.0),
)
def test_nothing_is_ended_while_suspending_suffices(
    wanted: list[tuple[int, int, int]], lasts: float, share: float
) -> None:
    """However far they grow: while one task works without growing, the others can stand still beside it.

    All together take at most a quarter of the guard in a look, as much as is there between the look that sees
    it coming and the last quarter.
    """
    guard = GIB
    most = share * CRITICAL_SHARE * guard / LOOK
    rates = [int(most * rate / sum(each for _, _, each in wanted)) for _, _, rate in wanted]
    tasks = [
        Grows(str(n), claim, 16 * GIB, rate, 1e9)
        for n, ((claim, _, _), rate) in enumerate(zip(wanted, rates, strict=True))
    ]
    steady = Grows("steady", GIB, GIB, 0, lasts, GIB)
    machine = Watched([steady, *tasks], 6 * GIB, guard)
    while steady in machine.tasks and machine.now < lasts:
        machine.work()
        if steady not in machine.tasks:
            break
        assert [step.text for step in machine.look() if step.kind == "end"] == []
        assert machine.killed == 0 and not steady.suspended


@dataclass
class Again:
    """A well-behaved task: it uses nearly all that it claims, and never more."""

    name: str
    claim: int
    history: list[PastAttempt] = field(default_factory=list)
    state: TaskState = TaskState.READY
    held_until: float = 0.0


@pytest.mark.parametrize("seed", range(4))
def test_a_task_that_keeps_its_claim_is_never_failed_by_memory_of_others(seed: int) -> None:
    """Two hundred dips of a browser, each large enough to press and soon over, for a few tasks in 16 GiB."""
    rng = random.Random(seed)
    total, guard = 16 * GIB, 2 * GIB
    queue = [Again(str(n), rng.randrange(1, 7) * GIB) for n in range(6)]
    machine = Watched([], total, guard, GIB)
    dips, until, ended = 0, 5.0, 0
    while dips < 200 or machine.foreign > GIB:
        _start(queue, machine, rng)
        machine.work()
        for one in queue:
            if one.state is TaskState.RUNNING and one.name not in {each.name for each in machine.tasks}:
                # It has succeeded: another like it comes, so that there is always work.
                one.history, one.state = [], TaskState.READY
        for step in machine.look():
            if step.kind == "end":
                ended += 1
                victim = next(each for each in machine.tasks if each.name == step.task_id)
                machine.tasks.remove(victim)
                task = next(each for each in queue if each.name == step.task_id)
                assert victim.uses <= task.claim
                task.history.append(PastAttempt(Cause.MEMORY_GUARD, peak=victim.uses, claim=task.claim))
                decision = retry.decide(task.history, 1, rng, claim=task.claim, largest_claim=total - guard)
                assert (decision.state, decision.claim, decision.counted) == (TaskState.READY, None, False)
                task.state, task.held_until = decision.state, machine.now + decision.delay
        if machine.now >= until:
            if machine.foreign == GIB:
                # Never more at once than is there: no kernel could be blamed for that.
                machine.foreign += int(rng.uniform(0.3, 0.95) * max(0, machine.available))
                until = machine.now + rng.choice([2.0, 4.0, 10.0])
                dips += 1
            else:
                machine.foreign, until = GIB, machine.now + rng.uniform(2, 30)
    assert ended > 0 and machine.killed == 0
    for _ in range(int(3000 / LOOK)):
        _start(queue, machine, rng)
        machine.work()
        assert not [step for step in machine.look() if step.kind == "end"]
    assert all(one.state is TaskState.RUNNING for one in queue)


def _start(queue: list[Again], machine: Watched, rng: random.Random) -> None:
    """Whatever fits starts, as the headroom has it."""
    for one in queue:
        growing = sum(max(0, each.claim - each.uses) for each in machine.tasks)
        fits = one.claim <= machine.available - machine.guard - growing
        waits = one.state is TaskState.READY and machine.now >= one.held_until
        if waits and fits and not machine.ladder.holding:
            one.state = TaskState.RUNNING
            peak, rate = int(one.claim * rng.uniform(0.9, 1.0)), rng.randrange(100, 1500) * MIB
            machine.tasks.append(Grows(one.name, one.claim, peak, rate, rng.uniform(10, 200)))


def test_two_tasks_that_spike_at_one_moment_both_come_through() -> None:
    """Each takes 1.8 GiB and claims half a one, in 6 GiB."""
    tasks = [Grows(str(n), GIB // 2, int(1.8 * GIB), GIB, 20.0, GIB // 10) for n in range(2)]
    machine = Watched(tasks, 6 * GIB, GIB, GIB)
    ended = 0
    while machine.tasks and machine.now < 600:
        machine.work()
        ended += sum(step.kind == "end" for step in machine.look())
    assert (ended, machine.killed, machine.tasks) == (0, 0, [])
    assert machine.now < 60 + 10 * CALM
