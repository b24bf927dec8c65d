"""How much several processes hold together, from few closer looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from steelyard.machine.processes.sharing import AT_ONCE, EVERY, PAGE, Name, Part, Pool, Share

MIB = 2**20
ROOT: Name = (1, 0)


def parts(*sizes: int, faults: int = 0) -> dict[Name, Part]:
    """Processes of so many MiB."""
    return {(number, 0): Part(size * MIB, faults) for number, size in enumerate(sizes, 1)}


def looked(own: int, together: int, count: int) -> tuple[Pool, dict[Name, Part]]:
    """A pool of forks that has been looked at: each has `own` MiB, and all the same `together` MiB."""
    pool, now = Pool(forks=True), parts(*[own + together] * count)
    share = Share((own + together) * MIB, own * MIB + together * MIB // count, own * MIB)
    pool.learn(now, dict.fromkeys(now, share), 0.0)
    return pool, now


def test_before_a_look_what_is_certain_counts_and_the_rest_is_in_doubt() -> None:
    pool = Pool(forks=True)
    assert (pool.holds(parts(400, 300)), pool.doubt(parts(400, 300))) == (400 * MIB, 300 * MIB)
    assert pool.asks_for(parts(400, 300), 0.0) == 300 * MIB
    assert pool.asks_for(parts(400, 30), 0.0) == 0, "not worth it"
    assert pool.asks_for(parts(400), 0.0) == 0, "one shares with nobody"


@pytest.mark.parametrize(
    ("sizes", "held"),
    [
        ((420,) * 4, 4 * 20 + 400),
        ((420, 420, 420, 520), 4 * 20 + 400 + 100),  # one has grown
        ((420, 420, 420, 410), 4 * 20 + 400 - 10),
        ((420,), 420),  # the others have gone: what they shared is its own now
        ((420,) * 8, 8 * 20 + 400),  # as many again: like those that are known
    ],
)
def test_what_is_known_is_carried_on(sizes: tuple[int, ...], held: int) -> None:
    pool, _ = looked(20, 400, 4)
    assert pool.holds(parts(*sizes)) == pytest.approx(held * MIB, rel=0.02)


def test_pages_that_forks_write_to_ask_for_another_look() -> None:
    pool, now = looked(20, 400, 4)
    assert pool.asks_for(now, 1.0) == 0
    written = {name: Part(part.size, 50 * MIB // PAGE) for name, part in now.items()}
    assert pool.asks_for(written, 1.0) == 200 * MIB
    # More than all cannot have become its own.
    assert pool.doubt({name: Part(part.size, 10**9) for name, part in now.items()}) <= 4 * 400 * MIB


def test_new_ones_and_ones_that_went_ask_for_another_look() -> None:
    pool, _ = looked(20, 400, 4)
    assert pool.asks_for(parts(*[420] * 5), 1.0) == 420 * MIB
    assert pool.asks_for(parts(*[420] * 2), 1.0) == 400 * MIB


def test_it_is_looked_at_again_after_a_while_though_nothing_seems_to_change() -> None:
    pool, now = looked(20, 400, 4)
    assert [pool.asks_for(now, at) for at in (EVERY - 0.1, EVERY)] == [0, 1]


def test_of_many_a_few_are_asked_the_largest_among_them() -> None:
    pool, many = Pool(forks=True), parts(*[400] * 40, 500)
    chosen = pool.choose(many)
    assert len(chosen) == AT_ONCE and chosen[0] == (41, 0)
    share = Share(400 * MIB, 10 * MIB, MIB // 4)
    pool.learn(many, {name: share for name in chosen}, 0.0)
    assert pool.holds(many) == pytest.approx(500 * MIB, rel=0.05)


def test_of_forks_that_were_not_asked_all_above_the_common_base_is_their_own() -> None:
    base, own = 200, [25 * number for number in range(20)]
    pool, now = Pool(forks=True), parts(base, *[base + each for each in own])
    exact = {name: part.size - base * MIB for name, part in now.items()}
    found = {
        name: Share(now[name].size, exact[name] + base * MIB // 21, exact[name]) for name in pool.choose(now)
    }
    pool.learn(now, found, 0.0)
    assert pool.holds(now) == pytest.approx((base + sum(own)) * MIB, rel=0.01)
    # Now and then it is the others' turn.
    assert not set(pool.choose(now)[1:]) & set(found)


def test_who_may_not_be_asked_counts_in_full() -> None:
    pool, now = Pool(forks=True), parts(300, 300)
    pool.learn(now, {}, 0.0)
    assert pool.holds(now) == 600 * MIB
    assert pool.asks_for(now, 1.0) == 0, "and is not asked again and again"


def test_processes_that_come_to_one_segment_one_after_the_other_add_nothing() -> None:
    pool, first = Pool(forks=False), parts(600, 200, 200)
    found = {(1, 0): Share(600 * MIB, 467 * MIB, 0), (2, 0): Share(200 * MIB, 67 * MIB, 0)}
    found[3, 0] = found[2, 0]
    pool.learn(first, found, 0.0)
    later = parts(600, 500, 500, 500)
    assert pool.holds(first) == pool.holds(later) == pytest.approx(601 * MIB, rel=0.01)
    assert pool.asks_for(later, 0.25) > 0


def test_segments_of_their_own_add_up_as_they_grow() -> None:
    pool, now = Pool(forks=False), parts(100, 100)
    pool.learn(now, dict.fromkeys(now, Share(100 * MIB, 100 * MIB, 0)), 0.0)
    assert pool.holds(parts(150, 150)) == 300 * MIB


@given(
    sizes=some.lists(some.integers(0, 10**9), min_size=1, max_size=8),
    before=some.lists(
        some.tuples(some.integers(0, 10**9), some.floats(0, 1), some.floats(0, 1)), min_size=1, max_size=8
    ),
    forks=some.booleans(),
)
def test_whatever_was_seen_it_is_never_below_the_largest_nor_above_the_sum(
    sizes: list[int], before: list[tuple[int, float, float]], forks: bool
) -> None:
    pool = Pool(forks=forks)
    then = {(n, 0): Part(size, 0) for n, (size, _, _) in enumerate(before)}
    found = {
        (n, 0): Share(size, int(size * part), int(size * part * own))
        for n, (size, part, own) in enumerate(before)
    }
    pool.learn(then, found, 0.0)
    now = {(n, 0): Part(size, n) for n, size in enumerate(sizes)}
    assert max(sizes) <= pool.holds(now) <= sum(sizes)
    assert 0 <= pool.doubt(now) <= sum(sizes) - max(sizes)
