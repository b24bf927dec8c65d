"""What is kept of what a running attempt uses."""

from __future__ import annotations

from steelyard.rules.samples import MAX_POINTS
from steelyard.supervisor.worker_handle import RunningAttempt


def an_attempt() -> RunningAttempt:
    return RunningAttempt("t", 1, "command", "", 1, "default", 1, started=0.0, started_wall=0.0)


def test_the_chart_keeps_the_peak_however_long_the_run() -> None:
    attempt = an_attempt()
    for second in range(7200):
        memory = 10**9 if second == 1001 else 1
        attempt.note_sample(1e9 + second, float(second), memory, 50.0, float(second))
    assert MAX_POINTS / 4 < len(attempt.points) <= MAX_POINTS
    assert max(memory for _, memory, _ in attempt.points) == attempt.peak == 10**9


def test_a_peak_between_two_points_is_kept_too() -> None:
    attempt = an_attempt()
    for quarter in range(8):
        memory = 7 if quarter == 2 else 1
        attempt.note_sample(1e9 + quarter / 4, quarter / 4, memory, 0.0, 0.0)
    assert [memory for _, memory, _ in attempt.points] == [7, 1]


def test_a_clock_that_is_set_back_makes_no_hole() -> None:
    attempt = an_attempt()
    for second in range(100):
        attempt.note_sample(1e9 + second - (3600 if second >= 50 else 0), float(second), 1, 0.0, 0.0)
    assert len(attempt.points) == 100
