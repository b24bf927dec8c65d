"""rules.core_use: more cores busy than claimed, over a minute, told once."""

from __future__ import annotations

from steelyard.rules.core_use import CoreUse, sentence


def test_two_busy_cores_of_one_claimed_are_told_after_a_minute_and_once() -> None:
    use = CoreUse()
    told = [use.beyond(second, 2.0 * second, 1) for second in range(300)]
    assert [(second, one) for second, one in enumerate(told) if one is not None] == [(60, 2.0)]


def test_what_was_claimed_and_short_bursts_are_not_told() -> None:
    use = CoreUse()
    assert all(use.beyond(second, 2.1 * second, 2) is None for second in range(300))
    # A burst of 20 s on 4 cores in a minute of one is a mean of 1.3 and a half is nobody's business.
    burst = CoreUse()
    assert burst.beyond(60, 20 * 4 + 0, 1) is None


def test_a_task_that_becomes_greedy_later_is_told_for_that_minute() -> None:
    use = CoreUse()
    assert use.beyond(600, 600, 1) is None
    assert use.beyond(661, 600 + 4 * 61, 1) == 4.0


def test_the_sentence_has_both_figures() -> None:
    assert sentence(2.04, 1).startswith("It uses 2.0 cores and claims 1,")
