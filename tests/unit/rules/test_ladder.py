"""The ladder: each rung by itself, and many random machines whose kernel would really kill."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.ladder import CALM, FIRST_PATIENCE, SETTLE, STILL, Ladder, next_steps
from steelyard.rules.pressure import Signs
from steelyard.rules.quantities import GIB, MIB
from steelyard.rules.weighing import Look, Step, Weighed, to_end

GUARD = 2 * GIB
MACHINE = Signs(total=16 * GIB, available=8 * GIB, guard=GUARD)


def signs(available: float, **more: object) -> Signs:
    """A machine of 16 GiB with so many GiB available, 2 of them the guard."""
    return replace(MACHINE, available=int(available * GIB), **more)  # type: ignore[arg-type]


def task(task_id: str, uses: float, growth: float = 0.0, unsaved: float = 60.0, **more: object) -> Weighed:
    """A task that uses so many GiB and grows by so many MiB a second."""
    made = Weighed(task_id, 4 * GIB, int(uses * GIB), growth * MIB, unsaved)
    return replace(made, **more)  # type: ignore[arg-type]


def kinds(steps: list[Step]) -> list[tuple[str, str | None]]:
    return [(one.kind, one.task_id) for one in steps]


START, HOLDING = Ladder(), Ladder(holding=True)
AGAIN = Ladder(holding=True, alarms=1)
"""The look before was alarming as well: all that grew was suspended in it."""


def look(
    available: float, *tasks: Weighed, ladder: Ladder = START, now: float = 100.0, **more: object
) -> tuple[Ladder, list[tuple[str, str | None]]]:
    after, steps = next_steps(ladder, signs(available, **more), tasks, now)
    return after, kinds(steps)


def test_first_nothing_starts() -> None:
    ladder, steps = look(1.9, task("a", 4))
    assert ladder.holding and steps == [("hold", None)]
    assert look(1.9, task("a", 4), ladder=ladder) == (ladder, [])


def test_then_growth_is_suspended_of_who_outgrew_its_claim() -> None:
    steady, old, leaking = task("steady", 3), task("old", 2, 50), task("leaking", 5, 200, unsaved=900)
    ladder, steps = look(0.9, steady, old, leaking, ladder=HOLDING)
    assert steps == [("suspend", "leaking")] and ladder.holding


def test_of_those_that_kept_to_their_claim_the_youngest_stands_still_first() -> None:
    tasks = [task("old", 2, 300, unsaved=900), task("young", 2, 300, unsaved=30), task("mid", 2, 300)]
    assert look(0.9, *tasks, ladder=HOLDING)[1] == [("suspend", "young"), ("suspend", "mid")]


def test_the_last_one_that_goes_on_is_not_suspended() -> None:
    standing = task("b", 3, suspended="guard")
    assert look(0.9, task("a", 4, 300), standing, ladder=HOLDING)[1] == []


def test_what_does_not_grow_is_not_suspended() -> None:
    assert look(0.9, task("a", 4), task("b", 4), ladder=HOLDING)[1] == []


def test_when_nearly_all_is_gone_all_that_grows_is_suspended_and_nothing_ended() -> None:
    tasks = [task("a", 4, 300), task("b", 2, 300), task("flat", 4)]
    ladder, steps = look(0.4, *tasks, ladder=HOLDING)
    assert steps == [("suspend", "a"), ("suspend", "b")] and ladder.alarms == 1


def test_growth_by_its_pace_alone_is_suspended_and_nothing_ended() -> None:
    """6.3 of a guard of 6.4 GiB are there, and four tasks within their claims take 1.7 GiB a second each."""
    signs = Signs(total=64 * GIB, available=int(6.3 * GIB), guard=int(6.4 * GIB))
    tasks = [Weighed(str(n), 20 * GIB, 10 * GIB, 1.7 * GIB, 36_000.0 - n) for n in range(4)]
    ladder, steps = next_steps(HOLDING, signs, tasks, 100.0)
    assert kinds(steps) == [("suspend", "3"), ("suspend", "2"), ("suspend", "1"), ("suspend", "0")]
    # It was for one look: the one with most to lose goes on at once.
    still = [replace(one, growth=0.0, suspended="guard") for one in tasks]
    ladder, steps = next_steps(ladder, replace(signs, available=int(5.9 * GIB)), still, 100.25)
    assert kinds(steps) == [("resume", "0")]


def test_one_look_at_little_memory_ends_nothing() -> None:
    """A single sample far below a quarter of the guard, and the next one is as before."""
    flat = [task("a", 4, unsaved=36_000), task("b", 4, unsaved=36_000)]
    ladder, steps = look(0.2, *flat, now=100.0)
    assert steps == [("hold", None)]
    ladder, steps = look(4.0, *flat, ladder=ladder, now=100.25)
    assert steps == [] and ladder.alarms == 0
    assert look(0.2, *flat, ladder=ladder, now=100.5)[1] == []


def test_what_the_suspending_did_not_help_is_ended_in_the_next_look() -> None:
    tasks = [task("large", 4, unsaved=600), task("small", 1, unsaved=300), task("fresh", 3, unsaved=10)]
    ladder, steps = look(0.4, *tasks, ladder=AGAIN)
    assert steps == [("end", "fresh")] and ladder.ended_at == 100.0


VICTIMS = [
    # Who keeps its claim does not pay for who does not.
    ([("keeps", 31, 31, 36_000), ("leaks", 12, 2, 18_000)], 0.4, "leaks"),
    # Of those that do not: by what is lost for each byte above the claim.
    ([("a", 5, 4, 100), ("b", 8, 2, 300), ("keeps", 4, 4, 1)], 0.4, "b"),
    # One that is above its claim by a little and frees nothing worth having is no help.
    ([("tiny", 0.2, 0.1, 50), ("keeps", 4, 4, 600)], 0.4, "keeps"),
    ([("tiny", 0.2, 0.1, 50), ("keeps", 4, 4, 600)], 0.9, "tiny"),
    # Of those that keep their claims: by what is lost for each byte that is wanted. More is worth nothing.
    ([("small", 2, 2, 300), ("large", 8, 8, 600)], 0.4, "small"),
    ([("small", 0.5, 1, 300), ("large", 8, 8, 600)], 0.4, "large"),
]


@pytest.mark.parametrize(("tasks", "available", "victim"), VICTIMS)
def test_whose_end_costs_least(
    tasks: list[tuple[str, float, float, float]], available: float, victim: str
) -> None:
    weighed = [
        Weighed(name, int(claim * GIB), int(uses * GIB), 0.0, unsaved) for name, uses, claim, unsaved in tasks
    ]
    chosen = to_end(Look(signs(available), weighed, 100.0))
    assert chosen is not None and chosen.task_id == victim


def test_a_checkpoint_a_moment_ago_makes_a_run_cheap_to_end() -> None:
    tasks = [task("saved", 4, unsaved=1), task("unsaved", 4, unsaved=3000)]
    assert look(0.4, *tasks, ladder=AGAIN)[1] == [("end", "saved")]


def test_the_last_one_that_goes_on_is_not_ended_while_another_stands_still() -> None:
    tasks = [task("goes on", 4, unsaved=1), task("stands", 4, unsaved=3000, suspended="guard")]
    assert look(0.4, *tasks, ladder=AGAIN)[1] == [("end", "stands")]


def test_an_end_is_given_time_to_free_its_memory() -> None:
    ladder = replace(AGAIN, ended_at=100.0)
    pair = (task("a", 4), task("b", 4))
    assert look(0.4, *pair, ladder=ladder, now=100.0 + SETTLE - 0.1)[1] == []
    assert look(0.4, task("a", 4, ending=True), *pair, ladder=ladder, now=110)[1] == []
    assert look(0.2, task("c", 4, ending=True), *pair, ladder=ladder, now=110)[1] == [("end", "a")]
    assert look(0.4, *pair, ladder=ladder, now=100.0 + SETTLE)[1] == [("end", "a")]


def test_an_end_leaves_time_for_a_checkpoint_only_if_there_is_some() -> None:
    def grace(growth: float) -> float:
        tasks = [task("a", 4, growth, unsaved=1), task("b", 4, 0)]
        return next(one.grace for one in next_steps(AGAIN, signs(0.4), tasks, 9.0)[1] if one.kind == "end")

    assert (grace(0), grace(1000)) == (10.0, 0.0)
    assert 0 < grace(100) < 2


def looks(
    *available: float, tasks: list[Weighed], ladder: Ladder = START
) -> list[list[tuple[str, str | None]]]:
    """What is done in looks a quarter of a second apart."""
    said, now = [], 100.0
    for each in available:
        ladder, steps = next_steps(ladder, signs(each), tasks, now)
        said.append(kinds(steps))
        now += 0.25
    return said


def test_a_browser_that_comes_is_seen_before_the_last_moment() -> None:
    """It takes 2 GiB a second: growth of ours is suspended at once, before a half of the guard is gone."""
    grows, flat = task("grows", 3, 5), task("flat", 3)
    assert looks(2.9, 2.4, 1.9, tasks=[grows, flat])[-1] == [("hold", None), ("suspend", "grows")]
    # One stretch alone is soon over, and says nothing.
    assert looks(2.4, 2.4, 1.9, tasks=[grows, flat])[-1] == [("hold", None)]


def test_what_others_take_ends_somebody_after_two_looks_and_below_a_half() -> None:
    flat = [task("a", 3), task("b", 3, unsaved=600)]
    assert looks(3.5, 2.6, 1.7, 0.9, tasks=flat) == [[], [], [("hold", None)], [("end", "a")]]
    # It has stopped at a half: nothing was lost.
    assert looks(2.9, 2.0, 1.1, 1.1, 1.1, tasks=flat)[2:] == [[("hold", None)], [], []]


def test_the_last_growth_of_what_was_just_suspended_is_not_taken_for_what_others_take() -> None:
    """On a busy machine it takes a look or two until a task stands still."""
    tasks = [task("a", 3, 2000), task("b", 3, 2000)]
    ladder, steps = next_steps(START, signs(2.4), tasks, 99.75)
    ladder, steps = next_steps(ladder, signs(1.6), tasks, 100.0)
    assert [kind for kind, _ in kinds(steps)] == ["hold", "suspend", "suspend"]
    still = [replace(one, suspended="guard") for one in tasks]
    for available, now in ((1.2, 100.25), (0.8, 100.5), (0.7, 100.75)):
        ladder, steps = next_steps(ladder, signs(available), still, now)
        assert steps == []


def test_the_systems_own_word_ends_somebody_only_once_it_knows_what_was_done() -> None:
    """Its average reaches back ten seconds: it is still about what was before the growth stood still."""
    tasks = [task("a", 4), task("b", 4, unsaved=600)]
    ladder, said = HOLDING, []
    for quarter in range(41):
        ladder, steps = next_steps(ladder, signs(1.9, pressure="critical"), tasks, 100 + quarter / 4)
        said += kinds(steps)
        assert not said or quarter == 40
    assert said == [("end", "a")]


def test_one_alone_that_the_machine_could_never_hold_is_ended() -> None:
    assert ("end", "a") in look(0.4, task("a", 14.1, 100), ladder=HOLDING)[1]


def test_one_alone_that_is_fast_stands_still_where_it_could_not_be_seen_in_time() -> None:
    """Between a quarter and a half of the guard there is no room for another look at its pace."""
    assert look(1.5, task("a", 5, 2000), ladder=HOLDING)[0].alone is None
    ladder, steps = look(0.9, task("a", 5, 2000), ladder=HOLDING)
    assert (steps, ladder.alone) == ([("suspend", "a")], "a")
    # And if it is as large as the machine, it ends: it would stand still for ever.
    assert ("end", "a") in look(0.9, task("a", 14.0, 2000), ladder=HOLDING)[1]
    still = task("a", 14.0, suspended="guard")
    ladder, steps = look(0.9, still, ladder=ladder, now=101.0)
    assert look(0.9, still, ladder=ladder, now=101.0 + STILL)[1] == [("end", "a")]


def test_one_alone_waits_for_other_programs_and_goes_on_when_there_is_room() -> None:
    alone = task("a", 5, 100)
    ladder, steps = look(0.4, alone, ladder=HOLDING)
    assert steps == [("suspend", "a")] and ladder.alone == "a"
    still = replace(alone, growth=0.0, suspended="guard")
    assert look(1.9, still, ladder=ladder, now=200)[1] == []
    assert look(2.9, still, ladder=ladder, now=200)[1] == []
    ladder, steps = look(3.5, still, ladder=ladder, now=300)
    assert steps == [("resume", "a")] and ladder.alone is None


def test_after_calm_whoever_fits_goes_on_and_tasks_start_beside_those_that_do_not() -> None:
    going = task("a", 4)
    stands = [task("b", 3, suspended="guard"), task("c", 3, unsaved=900, suspended="guard")]
    ladder, steps = look(4.0, going, *stands, ladder=HOLDING, now=10)
    assert steps == [] and ladder.calm_since == 10
    ladder, steps = look(4.0, going, *stands, ladder=ladder, now=10 + CALM)
    assert steps == [("resume", "c")]
    # c may still take 1 GiB of the 1.9 that are free, and b would want another.
    stands = [stands[0], replace(stands[1], suspended=None)]
    ladder, steps = look(3.9, going, *stands, ladder=ladder, now=10 + 2 * CALM)
    assert steps == [("release", None)] and not ladder.holding
    assert look(4.5, going, *stands, ladder=ladder, now=10 + 3 * CALM)[1] == [("resume", "b")]


def test_one_that_does_not_fit_keeps_nobody_else_from_going_on() -> None:
    stands = [task("large", 1, unsaved=900, suspended="guard"), task("small", 3.8, suspended="guard")]
    ladder = replace(HOLDING, calm_since=0.0)
    assert look(3.0, task("a", 4), *stands, ladder=ladder, now=CALM)[1] == [("resume", "small")]


def test_what_others_claim_and_never_take_keeps_nobody_waiting_for_ever() -> None:
    """B claims 2.5 GiB and uses 1, flat, for 14 hours; A outgrew its claim. 2.9 GiB are free, 1 is kept."""
    signs = Signs(total=6 * GIB, available=int(2.9 * GIB), guard=GIB)
    b = Weighed("B", int(2.5 * GIB), GIB, 0.0, 100.0)
    a = Weighed("A", int(0.4 * GIB), int(2.1 * GIB), 0.0, 50.0, "guard")
    ladder, now, said = HOLDING, 0.0, []
    while now < 30:
        ladder, steps = next_steps(ladder, signs, [b, a], now)
        said += [(now, *each) for each in kinds(steps)]
        if ("resume", "A") in kinds(steps):
            a = replace(a, suspended=None)
        now += 0.25
    assert said == [(CALM, "release", None), (FIRST_PATIENCE, "resume", "A")]


def test_a_try_that_runs_memory_short_again_makes_the_next_wait_twice_as_long() -> None:
    ladder, now, waits = HOLDING, 0.0, []
    going = task("steady", 4, claim=9 * GIB)
    for _ in range(4):
        began = now
        stands = task("grows", 5, suspended="guard")
        while True:
            ladder, steps = next_steps(ladder, signs(3.0), [going, stands], now)
            now += 0.25
            if ("resume", "grows") in kinds(steps):
                break
        waits.append(round(now - began))
        ladder, steps = next_steps(ladder, signs(0.9), [going, task("grows", 6, 300)], now)
        assert ("suspend", "grows") in kinds(steps)
        now += 0.25
    assert waits == [10, 20, 40, 80]


def test_what_a_person_suspended_is_never_resumed() -> None:
    ladder = replace(HOLDING, calm_since=0.0)
    assert look(8.0, task("b", 3, suspended="user"), ladder=ladder)[1] == [("release", None)]


def test_when_nobody_goes_on_the_one_with_most_to_lose_does() -> None:
    stands = [task("b", 3, suspended="guard"), task("c", 3, unsaved=900, suspended="guard")]
    assert look(1.5, *stands, ladder=HOLDING)[1] == [("resume", "c")]


def test_when_nobody_could_go_on_for_want_of_memory_the_cheapest_is_ended_after_a_while() -> None:
    stands = [task("b", 7, suspended="guard"), task("c", 7, unsaved=900, suspended="guard")]
    ladder, steps = look(0.9, *stands, ladder=replace(HOLDING, pace=2000.0 * MIB), now=100.0)
    assert steps == []  # others may give some back in a moment
    assert look(0.9, *stands, ladder=ladder, now=100.0 + CALM)[1] == []
    assert look(0.9, *stands, ladder=ladder, now=100.0 + STILL)[1] == [("end", "b")]
    assert look(1.5, *stands, ladder=ladder, now=100.0 + STILL)[1] == [("resume", "c")]
    # None of them grew so fast that it could not be stopped in time: one tries.
    assert look(0.9, *stands, ladder=replace(ladder, pace=9e8), now=100.0 + CALM)[1] == [("resume", "c")]


def test_the_last_one_that_goes_on_is_not_stopped_by_its_pace_while_the_next_look_comes_in_time() -> None:
    stands = task("b", 3, suspended="guard")
    assert look(0.9, task("a", 4, 1000), stands, ladder=HOLDING)[1] == []
    assert look(0.6, task("a", 4, 1000), stands, ladder=HOLDING)[1] == [("suspend", "a")]


def test_without_a_task_everything_is_let_go() -> None:
    assert look(0.1, ladder=HOLDING) == (Ladder(), [("release", None)])


def test_every_step_says_its_figures_in_words() -> None:
    tasks = [task("a", 5, 300, name="north"), task("b", 3, 300)]
    said = [one.text for one in next_steps(Ladder(), signs(0.9), tasks, 0.0)[1]]
    assert said[0].startswith("Memory is short: 922 MiB are free, less than the 2.0 GiB that are kept.")
    assert "Task north is suspended so that the other one can finish: it uses 5.0 GiB, more than" in said[1]
    assert "grows by 300 MiB a second" in said[1]


# A machine that kills


@dataclass
class Simulated:
    """A task that grows to its peak at a rate, and needs so many seconds of work."""

    name: str
    peak: int
    rate: float
    work: float
    claim: int
    uses: float = 0.0
    done: float = 0.0
    suspended: bool = False
    ending: bool = False


@dataclass
class Machine:
    """A virtual machine and the ladder that watches it, a sample every quarter of a second."""

    tasks: list[Simulated]
    total: int = 10 * GIB
    guard: int = GIB
    foreign: int = GIB
    ladder: Ladder = START
    now: float = 0.0
    ends: list[str] = field(default_factory=list)
    kills: int = 0
    finished: list[str] = field(default_factory=list)

    @property
    def available(self) -> int:
        return int(self.total - self.foreign - sum(one.uses for one in self.tasks))

    def sample(self) -> None:
        before = {one.name: one.uses for one in self.tasks}
        self.tasks = [one for one in self.tasks if not one.ending]
        for one in self.tasks:
            if not one.suspended:
                one.uses = min(one.peak, one.uses + one.rate / 4)
                one.done += 0.25
        self.finished += [one.name for one in self.tasks if one.done >= one.work]
        self.tasks = [one for one in self.tasks if one.done < one.work]
        if self.available < 0:
            self.kills += 1
            self.tasks.remove(max(self.tasks, key=lambda one: one.uses))
        self.now += 0.25
        weighed = [
            Weighed(
                one.name,
                one.claim,
                int(one.uses),
                (one.uses - before[one.name]) * 4,
                one.done,
                "guard" if one.suspended else None,
            )
            for one in self.tasks
        ]
        going = [one for one in weighed if one.goes_on]
        seen = Signs(self.total, max(0, self.available), self.guard)
        self.ladder, steps = next_steps(self.ladder, seen, weighed, self.now)
        self.obey(steps, going)

    def obey(self, steps: list[Step], going: list[Weighed]) -> None:
        by_name = {one.name: one for one in self.tasks}
        assert sum(one.kind == "end" for one in steps) <= 1
        for one in steps:
            if one.task_id is None:
                continue
            target = by_name[one.task_id]
            if one.kind == "end":
                alone = len(self.tasks) == 1
                assert not alone or target.uses >= self.total - self.guard
                assert alone or [each.task_id for each in going] != [target.name]
                target.ending = True
                self.ends.append(target.name)
            else:
                assert target.suspended == (one.kind == "resume")
                target.suspended = one.kind == "suspend"
        still = [one for one in self.tasks if not one.suspended and not one.ending]
        if self.tasks and not still and len(self.tasks) > 1:
            # Nobody goes on: only while an end is under way, or all of it was suspended by want of memory.
            assert any(one.ending for one in self.tasks) or self.available < self.guard


def run(machine: Machine, seconds: float = 3000.0) -> Machine:
    while machine.tasks and machine.now < seconds:
        machine.sample()
    return machine


def test_a_leaking_task_beside_three_steady_ones_costs_nobody_else_anything() -> None:
    steady = [Simulated(f"s{n}", 2 * GIB, 2 * GIB, 60.0, 2 * GIB) for n in range(3)]
    machine = Machine([*steady, Simulated("leak", 99 * GIB, 200 * MIB, 1e9, GIB)], guard=512 * MIB)
    run(machine, 400.0)
    assert sorted(machine.finished) == ["s0", "s1", "s2"]
    assert machine.kills == 0


def test_eight_that_grow_together_past_the_machine_end_without_a_kill() -> None:
    tasks = [Simulated(str(n), 4 * GIB, 400 * MIB, 20.0, GIB) for n in range(8)]
    machine = run(Machine(tasks, guard=GIB))
    assert machine.kills == 0
    assert len(machine.finished) + len(machine.ends) == 8 and machine.finished
    assert not machine.tasks


SIZES = st.integers(64, 6 * 1024)


@given(
    st.lists(st.tuples(SIZES, st.integers(1, 600), st.floats(1, 120), SIZES), min_size=1, max_size=8),
    st.integers(0, 5),
)
def test_whatever_grows_nothing_is_killed_and_everything_ends(
    wanted: list[tuple[int, int, float, int]], foreign: int
) -> None:
    tasks = [
        Simulated(str(n), peak * MIB, min(rate, 1600 / len(wanted)) * MIB, work, claim * MIB)
        for n, (peak, rate, work, claim) in enumerate(wanted)
    ]
    machine = run(Machine(tasks, guard=GIB, foreign=foreign * GIB // 2))
    assert machine.kills == 0
    stuck = [one for one in machine.tasks if not (one.suspended and machine.ladder.alone == one.name)]
    assert stuck == []
    assert sorted([*machine.finished, *machine.ends, *(one.name for one in machine.tasks)]) == sorted(
        str(n) for n in range(len(wanted))
    )


def test_the_same_history_gives_the_same_steps() -> None:
    def ends(seed: int) -> list[str]:
        rng = random.Random(seed)
        tasks = [
            Simulated(str(n), rng.randrange(4 * GIB), rng.random() * 300 * MIB, rng.random() * 60, GIB)
            for n in range(6)
        ]
        return run(Machine(tasks)).ends

    assert ends(1) == ends(1)
