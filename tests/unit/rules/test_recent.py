"""The most of the last minute."""

from __future__ import annotations

import random

from steelyard.rules.recent import SPAN, Recent


def test_a_figure_counts_for_a_minute_once_it_was_seen_twice() -> None:
    recent = Recent()
    assert recent.most(0.0) is None
    recent.note(0.0, 9)
    assert recent.most(0.0) is None
    recent.note(0.25, 7)
    assert recent.most(0.25) == 7
    recent.note(0.5, 3)
    recent.note(0.75, 99)  # by one look: between its two figures something ended
    recent.note(1.0, 2)
    assert recent.most(SPAN) == 7
    assert recent.most(SPAN + 0.5) == 3
    assert recent.most(9 * SPAN) is None


def test_it_is_the_largest_of_what_the_window_holds() -> None:
    chance, recent, noted = random.Random(1), Recent(), list[tuple[float, int]]()
    now, before = 0.0, None
    for _ in range(2_000):
        now += chance.random()
        figure = chance.randrange(1_000)
        recent.note(now, figure)
        if before is not None:
            noted.append((now, min(before, figure)))
        before = figure
        window = [value for moment, value in noted if now - moment <= SPAN]
        assert recent.most(now) == max(window, default=None)
