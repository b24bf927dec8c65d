"""The choice of the next task: order, backfill, the promise to the head, cores, odd claims."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.admission import MemoryView, Source
from steelyard.rules.quantities import GIB
from steelyard.rules.reasons import Waiting
from steelyard.rules.recent import Recent
from steelyard.rules.scheduling import Candidate, Choice, Gap, Room, Running, choose, cores_free

MACHINE = MemoryView(total=64 * GIB, available=64 * GIB, guard=4 * GIB)


def task(name: str, gib: float, **more: object) -> Candidate:
    return replace(Candidate(name, int(gib * GIB), "task"), **more)  # type: ignore[arg-type]


def runs(gib: float, remaining: float | None = None, cores: int = 1) -> Running:
    return Running(int(gib * GIB), 0, cores, remaining)


def pick(queue: Sequence[Candidate], free: float, *running: Running, cores: int = 99) -> Choice:
    return choose(queue, Room(int(free * GIB), cores, not running, MACHINE), running)


def started(choice: Choice) -> str | None:
    return choice.start.task_id if choice.start else None


def test_the_first_that_is_there_starts_first() -> None:
    choice = pick([task("a", 2), task("b", 1)], 8)
    assert choice == Choice(task("a", 2))


def test_nothing_starts_from_an_empty_queue() -> None:
    assert pick([], 8) == Choice(None)


def test_a_task_that_just_fits_starts_and_one_byte_more_waits() -> None:
    assert started(pick([task("a", 8)], 8, runs(8))) == "a"
    over = replace(task("a", 8), claim=8 * GIB + 1)
    choice = pick([over], 8, runs(8))
    assert choice.start is None
    assert choice.why == {"a": Waiting("memory", 8 * GIB + 1, 8 * GIB)}


def test_a_smaller_task_passes_one_that_waits_and_the_pass_is_counted() -> None:
    choice = pick([task("big", 12), task("small", 3)], 4, runs(10))
    assert (started(choice), choice.passed, choice.held) == ("small", ("big",), None)
    assert choice.why == {"big": Waiting("memory", 12 * GIB, 4 * GIB)}


def test_after_two_passes_the_room_is_held() -> None:
    queue = [task("big", 12, passes=2), task("small", 3), task("tiny", 0.1)]
    choice = pick(queue, 4, runs(8.05))
    assert (choice.start, choice.held) == (None, "big")
    assert choice.why["small"] == Waiting("held_for", 3 * GIB, 4 * GIB, "big")
    assert choice.why["tiny"].reason == "held_for"


def test_one_that_fits_beside_the_head_cannot_delay_it_and_passes_freely() -> None:
    # When the 20 end, 24 are free: the head's 12, and 12 beside it.
    queue = [task("big", 12, passes=2), task("small", 4)]
    choice = pick(queue, 4, runs(20))
    assert (started(choice), choice.passed, choice.held) == ("small", (), "big")
    # Of two that may end at any time the smaller may be the one that lets the head in: 4 + 9 − 12 leave 1.
    assert pick(queue, 4, runs(20), runs(9)).start is None
    assert started(pick([queue[0], task("small", 1)], 4, runs(20), runs(9))) == "small"


def test_one_that_ends_before_the_head_can_start_passes_freely() -> None:
    queue = [task("big", 12, passes=2), task("short", 4, known_duration=60)]
    choice = pick(queue, 4, runs(9, remaining=100))
    assert (started(choice), choice.passed) == ("short", ())
    assert pick(queue, 4, runs(9, remaining=59)).start is None
    # A task whose end nobody knows may end now, and let the head in now.
    assert pick(queue, 4, runs(9)).start is None
    assert pick(queue, 4, runs(9, remaining=100), runs(9)).start is None
    # One that is overdue may do so too.
    assert pick(queue, 4, runs(9, remaining=0)).start is None


def test_a_short_unknown_task_that_cannot_let_the_head_in_does_not_matter() -> None:
    queue = [task("big", 12, passes=2), task("short", 2, known_duration=60)]
    assert started(pick(queue, 4, runs(8, remaining=100), runs(2))) == "short"


def test_a_pass_that_cannot_delay_is_free_before_the_hold_as_well() -> None:
    choice = pick([task("big", 12), task("small", 4)], 4, runs(20))
    assert (started(choice), choice.passed) == ("small", ())


def test_the_promise_is_to_the_first_that_waits() -> None:
    queue = [task("a", 12, passes=1), task("b", 12, passes=2), task("small", 4)]
    choice = pick(queue, 4, runs(8))
    assert (started(choice), choice.passed) == ("small", ("a",))


def test_who_comes_before_the_head_passes_nobody() -> None:
    queue = [task("urgent", 4), task("big", 12, passes=2)]
    choice = pick(queue, 4, runs(8))
    assert (started(choice), choice.passed) == ("urgent", ())


def test_cores_are_the_second_dimension() -> None:
    queue = [task("wide", 1, cores=4), task("narrow", 1)]
    choice = pick(queue, 8, runs(1, cores=2), runs(1, cores=2), cores=2)
    assert (started(choice), choice.passed) == ("narrow", ("wide",))
    assert choice.why["wide"] == Waiting("cores", 4, 2)
    held = pick([replace(queue[0], passes=2), queue[1]], 8, runs(1, cores=2), runs(1, cores=2), cores=2)
    assert held.start is None
    assert held.why["narrow"].reason == "held_for"
    # Beside the head's four cores is a fifth.
    roomy = pick([replace(queue[0], passes=2), queue[1]], 8, runs(1, cores=3), runs(1, cores=3), cores=2)
    assert started(roomy) == "narrow"


def test_more_cores_than_there_are_means_all_of_them() -> None:
    wide = task("wide", 1, cores=64)
    assert pick([wide], 8, runs(1), cores=3).why == {"wide": Waiting("cores", 4, 3)}
    assert started(pick([wide], 8, cores=4)) == "wide"


def test_a_forced_worker_brings_a_core() -> None:
    two = [Running(1, 1), Running(1, 1)]
    assert cores_free(2, 2, two) == 0
    assert cores_free(2, 3, two) == 1
    assert cores_free(8, 3, two) == 6
    assert cores_free(2, 2, [Running(1, 1, cores=4)]) == -2


@pytest.mark.parametrize("source", ["default", "learned"])
def test_a_claim_that_is_a_guess_starts_when_nothing_else_runs(source: Source) -> None:
    guessed = task("guessed", 8, claim_source=source)
    assert started(pick([guessed], 3)) == "guessed"
    assert pick([guessed], 3, runs(1)).why == {"guessed": Waiting("memory", 8 * GIB, 3 * GIB)}
    # Under the guard: with nothing above it, nothing starts.
    assert pick([guessed], 0).why == {"guessed": Waiting("other_programs", 8 * GIB, 0)}


@pytest.mark.parametrize("source", ["task", "simulation"])
def test_a_claim_that_somebody_stated_does_not(source: Source) -> None:
    assert pick([task("stated", 8, claim_source=source)], 3).start is None


def test_a_margin_is_given_up_before_a_task_is() -> None:
    """Its peak fits beside what runs, its claim would not even fit alone: it does not wait for that."""
    again = task("again", 5, claim_source="learned", seen=4 * GIB)
    assert started(pick([again], 4.5, runs(0.3))) == "again"
    assert pick([again], 3.9, runs(0.3)).why == {"again": Waiting("memory", 4 * GIB, int(3.9 * GIB))}
    # Where the margin fits once something has ended, it waits for that.
    assert pick([again], 4.5, runs(0.5)).why == {"again": Waiting("memory", 5 * GIB, int(4.5 * GIB))}
    # Not even the peak fits: alone, as any guess.
    assert pick([again], 3, runs(0.3)).why == {"again": Waiting("memory", 5 * GIB, 3 * GIB)}
    assert started(pick([again], 3)) == "again"


def test_a_default_claim_that_waits_for_its_turn_alone_is_held_for_too() -> None:
    queue = [task("unknown", 8, claim_source="default", passes=2), task("small", 1)]
    choice = pick(queue, 3, runs(1))
    assert (choice.start, choice.held) == (None, "unknown")
    ends_first = [queue[0], task("small", 1, known_duration=5)]
    assert started(pick(ends_first, 3, runs(1, remaining=10))) == "small"
    assert pick(ends_first, 3, runs(1, remaining=4)).start is None


def test_a_claim_that_never_fits_blocks_nobody() -> None:
    queue = [task("giant", 61, passes=2), task("small", 2)]
    choice = pick(queue, 4, runs(10))
    assert (started(choice), choice.passed, choice.held) == ("small", (), None)
    assert choice.why["giant"] == Waiting("never_fits", 61 * GIB, 60 * GIB)
    assert pick([queue[0]], 60).start is None


def test_a_forced_task_that_never_fits_gets_its_turn_alone() -> None:
    giant = task("giant", 61, passes=2, forced=True)
    assert started(pick([giant], 30)) == "giant"
    assert started(pick([giant], -1)) == "giant"
    choice = pick([giant, task("small", 2)], 4, runs(10))
    assert (choice.start, choice.held) == (None, "giant")
    # Forced is for what never fits; what only does not fit now waits like any other.
    assert pick([task("large", 40, forced=True)], 30).start is None


def test_nothing_is_held_for_a_task_that_waits_for_other_programs() -> None:
    queue = [task("big", 20, passes=2), task("small", 2)]
    choice = pick(queue, 4, runs(10))
    assert (started(choice), choice.passed, choice.held) == ("small", (), None)
    assert choice.why["big"] == Waiting("other_programs", 20 * GIB, 14 * GIB)
    # The promise goes to the first that our own tasks keep waiting.
    behind = pick([queue[0], task("next", 12, passes=2), queue[1]], 4, runs(8))
    assert (behind.start, behind.held) == (None, "next")


def test_what_a_task_uses_beyond_its_claim_comes_back_when_it_ends() -> None:
    greedy = Running(claim=2 * GIB, uses=10 * GIB)
    queue = [task("big", 12), task("small", 2)]
    assert choose(queue, Room(4 * GIB, 9, False, MACHINE), [greedy]).why["big"].reason == "memory"


def test_the_worked_example_of_the_documentation() -> None:
    big, a, b, c = task("big", 12), task("a", 4), task("b", 1), task("c", 1)
    first = pick([big, a, b, c], 4, runs(9), runs(20))
    assert (started(first), first.passed) == ("a", ("big",))
    assert started(pick([replace(big, passes=1), b, c], 20, runs(9), runs(4))) == "big"
    big = replace(big, passes=2)
    held = pick([big, a, b, c], 4, runs(9), runs(20))
    assert (started(held), held.passed, held.why["a"].reason) == ("b", (), "held_for")
    assert pick([big, a, c], 3, runs(9), runs(20), runs(1)).start is None


def test_the_queue_is_read_only_as_far_as_it_must_be() -> None:
    def queue() -> Iterator[Candidate]:
        yield task("big", 12)
        yield task("small", 2)
        raise AssertionError("read too far")

    assert started(choose(queue(), Room(4 * GIB, 9, False, MACHINE), [runs(10)])) == "small"


claims = st.integers(1, 80)
durations = st.none() | st.integers(1, 50).map(float)
queues = st.lists(
    st.tuples(claims, st.integers(1, 6), st.integers(0, 4), durations, st.booleans(), st.booleans()),
    max_size=6,
).map(
    lambda rows: [
        Candidate(str(n), claim * GIB, "default" if default else "task", cores, passes, takes, forced)
        for n, (claim, cores, passes, takes, default, forced) in enumerate(rows)
    ]
)
runnings = st.lists(
    st.builds(
        Running,
        claim=claims.map(lambda gib: gib * GIB),
        uses=st.integers(0, 80 * GIB),
        cores=st.integers(1, 4),
        remaining=durations,
    ),
    max_size=5,
)


@given(queues, runnings, st.integers(-40, 60), st.integers(-4, 8))
def test_what_holds_for_every_choice(
    queue: list[Candidate], running: list[Running], gib: int, free_cores: int
) -> None:
    room = Room(gib * GIB, max(free_cores, 1 - sum(one.cores for one in running)), not running, MACHINE)
    choice = choose(queue, room, running)
    looked_at = queue if choice.start is None else queue[: queue.index(choice.start)]
    assert list(choice.why) == [one.task_id for one in looked_at]
    passes = {one.task_id: one.passes for one in queue}
    assert all(passes[one] < 2 for one in choice.passed)
    assert choice.held is None or passes[choice.held] >= 2
    assert len(choice.passed) <= 1
    if choice.start is not None:
        fits = choice.start.claim <= room.headroom
        alone = choice.start.claim_source == "default" or choice.start.forced
        assert fits or (not running and alone)
    elif not running and queue:
        # A machine without a task starts whatever fits: nothing is held against nobody.
        assert not any(one.claim <= room.headroom for one in queue)


@given(queues, runnings, st.integers(0, 60))
def test_more_memory_never_starts_nothing_where_less_started_something(
    queue: list[Candidate], running: list[Running], gib: int
) -> None:
    choice = choose(queue, Room(gib * GIB, 99, not running, MACHINE), running)
    if choice.start is not None and not choice.why:
        assert choose(queue, Room((gib + 1) * GIB, 99, not running, MACHINE), running).start == choice.start


def _first_fit(head: Candidate, free: int, ends: Sequence[tuple[float, int]]) -> float:
    """When a claim first fits, with these ends of others (time, bytes)."""
    if head.claim <= free:
        return 0.0
    for time, group in itertools.groupby(sorted(ends), key=lambda end: end[0]):
        free += sum(freed for _, freed in group)
        if head.claim <= free:
            return float(time)
    return float("inf")


@given(
    st.integers(2, 40),
    st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.integers(1, 50)), min_size=1, max_size=5),
    st.integers(1, 20),
    durations,
    st.integers(0, 20),
    st.integers(),
)
def test_a_free_pass_never_delays_the_head_whatever_ends_when(
    head_gib: int,
    others: list[tuple[int, bool, int]],
    small_gib: int,
    takes: float | None,
    free_gib: int,
    seed: int,
) -> None:
    # Ends that are known hold, others are drawn; the small one ends as known, or at the very last.
    rng = random.Random(seed)
    head, small = task("head", head_gib, passes=2), task("small", small_gib, known_duration=takes)
    running = [runs(gib, float(end) if known else None) for gib, known, end in others]
    choice = pick([head, small], free_gib, *running)
    if started(choice) != "small" or choice.why["head"].reason != "memory":
        return
    ends = [(one.remaining or rng.uniform(0, 60), one.frees) for one in running]
    without = _first_fit(head, free_gib * GIB, ends)
    with_small = _first_fit(
        head, free_gib * GIB - small.claim, [*ends, (1e9 if takes is None else takes, small.claim)]
    )
    assert with_small == pytest.approx(without)


def test_many_unknown_ends_cost_little_and_err_on_the_careful_side() -> None:
    running = [Running(GIB + number * 7919, 0) for number in range(40)]
    queue = [task("big", 30, passes=2), task("small", 0.5)]
    choice = choose(queue, Room(GIB, 99, False, MACHINE), running)
    assert choice.why["small"].reason == "held_for"


def test_tasks_of_one_sweep_pass_each_other_freely() -> None:
    queue = [task("head", 8, passes=9, group="s"), task("mate", 4, group="s")]
    assert started(pick(queue, 4, runs(5))) == "mate"
    assert pick(queue, 4, runs(5)).passed == ()
    stranger = [queue[0], task("stranger", 4, group="t")]
    assert started(pick(stranger, 4, runs(5))) is None


# What other programs hold for a moment


def test_room_that_others_took_a_moment_ago_is_still_promised() -> None:
    big, small = task("big", 9.5, passes=2), task("small", 2)
    room = Room(int(9 * GIB), 99, True, MACHINE)
    gone = choose([big, small], room, [])
    assert (started(gone), gone.why["big"].reason) == ("small", "other_programs")
    kept = choose([big, small], replace(room, lately=10 * GIB), [])
    assert (kept.start, kept.held, kept.why["small"].reason) == (None, "big", "held_for")
    assert kept.why["big"] == Waiting("memory", big.claim, 9 * GIB)
    # Less than it needs was free at any moment: nothing is promised.
    assert started(choose([big, small], replace(room, lately=int(9.2 * GIB)), [])) == "small"


def test_what_runs_alone_waits_for_others_to_give_back_what_they_took() -> None:
    guess = replace(task("guess", 8), claim_source="default", passes=2)
    room = Room(-GIB, 99, True, MACHINE, lately=3 * GIB)
    assert choose([guess], room, []).why["guess"].reason == "memory"
    assert choose([guess], replace(room, lately=0), []).why["guess"].reason == "other_programs"
    assert started(choose([guess], replace(room, headroom=1), [])) == "guess"


def simulate(held_for: float, of: float, *, until: float = 3_600.0) -> float | None:
    """When a task of 9.5 GiB starts on 10 behind which tasks of 2 GiB and 3 s come without end, while other
    programs hold 1 GiB for some seconds of each `of`; three workers, a look every quarter of a second.
    """
    recent, running, big, number = Recent(), list[tuple[float, float]](), task("big", 9.5), 0
    line = [big, *(task(f"small{n}", 2) for n in range(4))]
    for step in range(int(until * 4)):
        now = step / 4
        running = [(ends, gib) for ends, gib in running if ends > now]
        without_ours = 10.0 - (1.0 if now % of < held_for else 0.0)
        recent.note(now, int(without_ours * GIB))
        while len(running) < 3:
            free = without_ours - sum(gib for _, gib in running)
            held = [Running(int(gib * GIB), int(gib * GIB), 1, ends - now) for ends, gib in running]
            room = Room(int(free * GIB), 99, not running, MACHINE, recent.most(now))
            choice = choose(line, room, held)
            line = [replace(one, passes=one.passes + (one.task_id in choice.passed)) for one in line]
            if choice.start is None:
                break
            if choice.start.task_id == "big":
                return now
            running.append((now + 3.0, 2.0))
            number += 1
            line = [one for one in line if one.task_id != choice.start.task_id] + [task(f"next{number}", 2)]
    return None


@pytest.mark.parametrize(
    "held_for, of, within", [(0, 10, 15), (8, 10, 30), (5, 10, 30), (50, 55, 130), (120, 240, 300)]
)
def test_a_large_task_starts_though_other_programs_come_and_go(
    held_for: float, of: float, within: float
) -> None:
    found = simulate(held_for, of)
    assert found is not None and found <= within


def test_programs_that_stay_hold_up_the_small_ones_for_a_minute_at_the_most() -> None:
    recent = Recent()
    queue = [task("big", 9.5, passes=2), task("small", 2)]
    recent.note(0.0, 10 * GIB)
    recent.note(0.25, 10 * GIB)
    began = None
    for second in range(1, 200):
        recent.note(float(second), 9 * GIB)
        room = Room(9 * GIB, 99, True, MACHINE, recent.most(float(second)))
        if choose(queue, room, []).start is not None:
            began = second
            break
    assert began == 61


# Behind those that were looked at


def test_the_gap_is_what_the_next_in_line_could_take() -> None:
    assert pick([task("big", 12)], 4, runs(10), cores=3).gap == Gap(4 * GIB, 3, False)
    # With nothing running all cores are free, and more cores than there are means all of them.
    alone = pick([replace(task("big", 70))], 4, cores=3)
    assert alone.gap == Gap(4 * GIB, None, True)
    assert pick([task("big", 12)], 0, runs(10)).gap is None
    assert pick([task("big", 12)], -1, runs(10)).gap is None
    assert pick([task("big", 12)], 4, runs(10), cores=0).gap is None


def test_where_room_is_held_the_gap_is_what_fits_beside() -> None:
    held = [task("big", 12, passes=2)]
    assert pick(held, 4, runs(20)).gap == Gap(4 * GIB, 98, False)
    assert pick(held, 4, runs(9)).gap == Gap(GIB, 98, False)
    assert pick(held, 4, runs(8)).gap is None


@given(
    st.lists(st.tuples(st.integers(1, 16), st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([None, 5.0, 90.0])), max_size=4),
    st.integers(0, 12),
    st.integers(1, 12),
)
def test_what_fits_into_the_gap_starts_behind_all_others_and_what_does_not_never(
    line: list[tuple[int, int, bool]], held: list[tuple[int, float | None]], free: int, size: int
) -> None:
    queue = [
        replace(task(f"t{n}", gib, passes=passes), claim_source="default" if guessed else "task")
        for n, (gib, passes, guessed) in enumerate(line)
    ]
    running = [runs(gib, remaining) for gib, remaining in held]
    choice = pick(queue, free, *running)
    if choice.start is not None:
        return
    fits = choice.gap is not None and size * GIB <= choice.gap.memory
    assert (started(pick([*queue, task("next", size)], free, *running)) == "next") == fits
