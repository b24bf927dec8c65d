"""Admission: the formulas by worked figures and by properties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.admission import (
    Claim,
    LiveWorker,
    MemoryView,
    admissible,
    alone,
    claim_of,
    default_claim,
    headroom,
    may_add,
    may_start,
    memory_guard,
    to_close,
    will_never_fit,
)
from steelyard.rules.quantities import GIB, MIB

DESK = MemoryView(total=64 * GIB, available=40 * GIB, guard=memory_guard(64 * GIB))

sizes = st.integers(0, 128 * GIB)
lives = st.lists(st.builds(LiveWorker, claim=sizes, uses=sizes), max_size=6)
views = st.builds(
    MemoryView,
    total=st.just(128 * GIB),
    available=sizes,
    guard=sizes,
    pressure=st.sampled_from(["normal", "warning", "critical"]),
    pressure_halves=st.booleans(),
)
peaks = st.integers(16 * MIB, 64 * GIB)
counts = st.integers(0, 12)


@pytest.mark.parametrize(
    ("total", "windows", "guard"),
    [
        (64 * GIB, False, 6871947674),
        (8 * GIB, False, 2 * GIB),
        (20 * GIB, False, 2 * GIB),
        (8 * GIB, True, 3 * GIB),
        (1 * GIB, False, 2 * GIB),
    ],
)
def test_the_guard_is_two_gib_or_a_tenth_and_one_more_on_windows(
    total: int, windows: bool, guard: int
) -> None:
    assert memory_guard(total, windows=windows) == guard


def test_two_workers_that_took_their_claim_leave_room_for_four_more() -> None:
    # 40 − 6.4 − 0 = 33.6 GiB, four times 8; each of the two uses 12 GiB and will grow no further.
    live = [LiveWorker(8 * GIB, 12 * GIB)] * 2
    found = admissible(DESK, live, active=2, peak=8 * GIB, cores=16, cap=16)
    assert (found.admissible, found.bound_by) == (6, "memory")
    assert found.headroom == 40 * GIB - 6871947674


def test_what_a_worker_has_still_to_take_is_held_back() -> None:
    # 40 − 6.4 − 2 × 7.5 = 18.6 GiB, twice 8.
    live = [LiveWorker(8 * GIB, GIB // 2)] * 2
    found = admissible(DESK, live, active=2, peak=8 * GIB, cores=8, cap=4)
    assert (found.admissible, found.bound_by) == (4, "memory")


@pytest.mark.parametrize(
    ("uses", "peak", "held_back"),
    [
        (
            GIB // 4,
            2 * GIB,
            7 * GIB // 4,
        ),  # in a trough: it took 2 GiB a moment ago
        (2 * GIB, 2 * GIB, 0),
        (GIB // 4, GIB // 4, GIB // 4),  # on its way up to its claim
        (GIB // 4, GIB // 2, GIB // 4),
    ],
)
def test_what_a_tree_has_once_taken_it_may_take_again(uses: int, peak: int, held_back: int) -> None:
    saw = [LiveWorker(GIB // 2, uses, peak)]
    assert headroom(DESK, saw) == headroom(DESK, []) - held_back


def test_an_idle_worker_counts_once_for_a_worker_and_not_at_all_for_a_task() -> None:
    idle = [LiveWorker(0, 8 * MIB)] * 2
    # For a worker: 33.6 − 2 × (8 GiB − 8 MiB) is a little over 17.6 GiB, two more.
    assert admissible(DESK, idle, active=2, peak=8 * GIB, cores=16, cap=16).admissible == 4
    assert headroom(DESK, idle) == 40 * GIB - 6871947674


def test_the_predecessors_fault_is_not_repeated() -> None:
    # Four workers hold 32 of 64 GiB; 28 are available. It took floor(28 / 8) = 3 < 4 for "full".
    memory = MemoryView(64 * GIB, 28 * GIB, 4 * GIB)
    live = [LiveWorker(8 * GIB, 8 * GIB)] * 4
    assert admissible(memory, live, active=4, peak=8 * GIB, cores=16, cap=16).admissible == 7
    # It counted idle workers not at all: three of them and 28 GiB are no room for three more.
    idle = [LiveWorker(0, 0)] * 3
    assert admissible(memory, idle, active=3, peak=8 * GIB, cores=16, cap=16).admissible == 3


def test_twenty_adds_at_once_stop_at_the_limit() -> None:
    live: list[LiveWorker] = []
    answers = []
    for _ in range(20):
        refusal = may_add(DESK, live, len(live), 8 * GIB, cores=16, cap=16)
        answers.append(refusal)
        if refusal is None:
            live.append(LiveWorker(0, 0))
    assert answers == [None] * 4 + ["insufficient_memory"] * 16


def test_overdrawn_memory_admits_fewer_than_there_are_and_never_less_than_none() -> None:
    memory = MemoryView(16 * GIB, 1 * GIB, 2 * GIB)
    live = [LiveWorker(4 * GIB, 4 * GIB)] * 3
    assert admissible(memory, live, 3, 8 * GIB, 8, 8).admissible == 2
    assert admissible(memory, [], 0, 8 * GIB, 8, 8).admissible == 0


def test_macos_pressure_halves_what_is_free_and_no_debt() -> None:
    calm = MemoryView(32 * GIB, 20 * GIB, 4 * GIB, pressure_halves=True)
    assert headroom(calm, []) == 16 * GIB
    for level in ("warning", "critical"):
        assert headroom(replace(calm, pressure=level), []) == 8 * GIB
    assert headroom(replace(calm, pressure="critical", available=0), []) == -4 * GIB
    assert headroom(MemoryView(32 * GIB, 20 * GIB, 4 * GIB, "critical"), []) == 16 * GIB


@pytest.mark.parametrize(
    ("active", "available", "cores", "cap", "force", "refusal"),
    [
        (0, 40, 8, 4, False, None),
        (4, 40, 8, 4, False, "at_capacity"),
        (4, 40, 8, 4, True, "at_capacity"),
        (2, 40, 2, 4, False, "no_cores"),
        (2, 40, 2, 4, True, None),
        (0, 12, 8, 4, False, "insufficient_memory"),
        (0, 12, 8, 4, True, None),
        (0, 40, 8, 0, True, "at_capacity"),
    ],
)
def test_why_a_worker_is_refused(
    active: int, available: int, cores: int, cap: int, force: bool, refusal: str | None
) -> None:
    memory = replace(DESK, available=available * GIB)
    live = [LiveWorker(8 * GIB, 8 * GIB)] * active
    assert may_add(memory, live, active, 8 * GIB, cores, cap, force=force) == refusal


@given(views, lives, peaks, counts, counts, st.integers(0, 32 * GIB))
def test_more_memory_never_admits_fewer(
    memory: MemoryView, live: list[LiveWorker], peak: int, cores: int, cap: int, more: int
) -> None:
    richer = replace(memory, available=memory.available + more)
    before = admissible(memory, live, len(live), peak, cores, cap)
    after = admissible(richer, live, len(live), peak, cores, cap)
    assert after.admissible >= before.admissible
    assert after.headroom >= before.headroom


@given(views, lives, peaks, counts, counts)
def test_never_below_none_nor_over_cores_or_cap_and_the_bound_is_the_one_named(
    memory: MemoryView, live: list[LiveWorker], peak: int, cores: int, cap: int
) -> None:
    found = admissible(memory, live, len(live), peak, cores, cap)
    assert 0 <= found.admissible <= min(cores, cap)
    by_memory = max(0, len(live) + found.headroom // peak)
    assert found.admissible == {"memory": by_memory, "cores": cores, "cap": cap}[found.bound_by]


@given(views, lives, peaks, counts, counts)
def test_can_add_and_may_add_agree(
    memory: MemoryView, live: list[LiveWorker], peak: int, cores: int, cap: int
) -> None:
    active = len(live)
    refusal = may_add(memory, live, active, peak, cores, cap)
    assert (refusal is None) == (active < admissible(memory, live, active, peak, cores, cap).admissible)
    forced = may_add(memory, live, active, peak, cores, cap, force=True)
    assert forced == ("at_capacity" if active >= cap else None)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 16))
def test_a_worker_that_starts_takes_one_place_whatever_it_uses(idle: int, busy: int, peak_gib: int) -> None:
    # The total that memory bears does not change as workers move from idle to their full claim.
    peak, total = peak_gib * GIB, 128 * GIB
    live = [LiveWorker(0, 0)] * idle + [LiveWorker(peak, peak)] * busy
    memory = MemoryView(total, total - busy * peak, 2 * GIB)
    found = admissible(memory, live, idle + busy, peak, cores=1000, cap=1000)
    assert found.admissible == max(0, (total - 2 * GIB) // peak)


@given(views, lives, sizes, st.booleans())
def test_a_task_starts_when_its_claim_fits_or_when_it_is_alone_and_unknown(
    memory: MemoryView, live: list[LiveWorker], claim: int, alone: bool
) -> None:
    room = headroom(memory, live)
    assert may_start(claim, "task", memory, live, alone) == (claim <= room)
    assert may_start(claim, "default", memory, live, False) == (claim <= room)
    assert may_start(claim, "default", memory, live, True) == (claim <= room or room > 0)


def test_nothing_is_admitted_by_a_peak_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        admissible(DESK, [], 0, 0, 8, 4)


def test_what_will_never_fit() -> None:
    assert not will_never_fit(14 * GIB, 16 * GIB, 2 * GIB)
    assert will_never_fit(14 * GIB + 1, 16 * GIB, 2 * GIB)


@pytest.mark.parametrize(
    ("configured", "total", "guard", "claim"),
    [
        (None, 64 * GIB, 7 * GIB, 8 * GIB),
        (None, 8 * GIB, 2 * GIB, 6 * GIB),
        (None, 2 * GIB, 2 * GIB, 16 * MIB),
        (3 * GIB, 64 * GIB, 7 * GIB, 3 * GIB),
        (32 * GIB, 16 * GIB, 2 * GIB, 32 * GIB),
    ],
)
def test_the_default_claim(configured: int | None, total: int, guard: int, claim: int) -> None:
    assert default_claim(configured, total, guard) == claim


def test_a_claim_is_the_tasks_the_simulations_the_learned_or_the_default() -> None:
    rest = (None, 64 * GIB, 7 * GIB)
    assert claim_of(1, 2, 3, *rest) == Claim(1, "task")
    assert claim_of(None, 2, 3, *rest) == Claim(2, "simulation")
    assert claim_of(None, None, 3, *rest) == Claim(3, "learned")
    assert claim_of(None, None, None, *rest) == Claim(8 * GIB, "default")
    assert claim_of(None, None, None, 4 * GIB, 64 * GIB, 7 * GIB) == Claim(4 * GIB, "default")


@pytest.mark.parametrize("size", [0, -1])
def test_a_claim_of_nothing_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        claim_of(size, None, None, None, 64 * GIB, 7 * GIB)


PROGRAMS = [("browser", 6 * GIB), ("editor", 3 * GIB), ("mail", GIB)]


@pytest.mark.parametrize(
    ("missing", "chosen"),
    [
        (0, []),
        (GIB, ["mail"]),
        (2 * GIB, ["editor"]),
        (6 * GIB, ["browser"]),
        (8 * GIB, ["browser", "editor"]),
        (10 * GIB, ["browser", "editor", "mail"]),
        (11 * GIB, []),
    ],
)
def test_as_few_programs_as_will_do_are_named(missing: int, chosen: list[str]) -> None:
    assert [name for name, _ in to_close(PROGRAMS, missing)] == chosen


def test_a_small_machine_that_was_told_nothing_bears_one_worker_although_its_default_never_fits() -> None:
    small = MemoryView(total=8 * GIB, available=int(6.5 * GIB), guard=2 * GIB)
    default = default_claim(None, small.total, small.guard)
    assert may_add(small, [], 0, default, 4, 4) == "insufficient_memory"
    assert alone(default, small, []) == int(4.5 * GIB)
    assert may_add(small, [], 0, alone(default, small, []), 4, 4) is None
    # An idle one is about to take all of that, and one that runs has its claim: no second one has room.
    idle = [LiveWorker(0, 0)]
    assert may_add(small, idle, 1, alone(default, small, idle), 4, 4) == "insufficient_memory"
    assert admissible(small, idle, 1, alone(default, small, idle), 4, 4).admissible == 1
    assert alone(default, small, [LiveWorker(default, 0)]) == default


def test_nothing_but_a_claim_of_all_that_there_is_is_weighed_by_what_is_free() -> None:
    desk = MemoryView(total=16 * GIB, available=9 * GIB, guard=2 * GIB)
    assert alone(8 * GIB, desk, []) == 8 * GIB
    full = MemoryView(total=8 * GIB, available=2 * GIB, guard=2 * GIB)
    assert alone(6 * GIB, full, []) == 6 * GIB
