"""How far a running attempt is: what its worker says, and what an earlier run of the same stages adds."""

from __future__ import annotations

import pytest

from steelyard.rules.states import Cause
from steelyard.store.claims import Outcome
from steelyard.supervisor import attempts, outcomes, progress
from steelyard.supervisor.worker_handle import RunningAttempt
from tests.unit.supervisor.making import Made

PARAMETERS = '{"argv": ["python3", "model.py"]}'
COURSE = [(1, "Load", 0.5), (1, "Load", 1.0), (2, "Solve", 0.0), (2, "Solve", 0.5), (2, "Solve", 1.0)]


async def running(made: Made, parameters: str | None = PARAMETERS) -> RunningAttempt:
    attempt = await made.attempt(await made.worker(), await made.submit())
    attempt.parameters = parameters
    return attempt


async def told(
    made: Made, attempt: RunningAttempt, each: float = 10
) -> list[tuple[float | None, float | None]]:
    """Fraction and seconds left after each step of the course, `each` seconds apart; then it succeeds."""
    handle = made.yard.holder(attempt.task_id)
    assert handle is not None
    found = []
    for number, title, share in COURSE:
        made.clocks.advance(each)
        # Of the first bar alone the worker says its share.
        fraction = min(0.99, share) if number == 1 else None
        message = {"fraction": fraction, "message": title, "stage": [number, title, share]}
        progress.on_progress(made.yard, handle, attempt, message)
        found.append((attempt.progress, attempt.remaining(made.clocks.awake())))
    made.clocks.advance(each)
    outcome = Outcome(cause=Cause.SUCCEEDED, duration=attempt.ran_for(made.clocks.awake()))
    outcomes.finish(made.yard, handle, attempt, outcome)
    await made.yard.database.change(lambda change: None)
    return found


async def test_the_second_run_knows_how_long_the_stages_of_the_first_took(made: Made) -> None:
    first = await told(made, await running(made))
    assert [fraction for fraction, _ in first] == [0.5, 0.99, None, None, None]
    # Loading took 30 s of 60, its bar 20 s of them; solving 30 s.
    again = await told(made, await running(made))
    assert [fraction for fraction, _ in again] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    slower = await told(made, await running(made), each=20)
    fractions = [fraction or 0 for fraction, _ in slower]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(5 / 6)
    # At its own pace: 100 s until here, and a fifth of that to come.
    assert slower[-1][1] == pytest.approx(20)


async def test_time_goes_on_where_nothing_is_told(made: Made) -> None:
    await told(made, await running(made))
    attempt = await running(made)
    handle = made.yard.holder(attempt.task_id)
    assert handle is not None
    made.clocks.advance(20)
    message = {"fraction": 0.99, "message": "", "stage": [1, "Load", 1.0]}
    progress.on_progress(made.yard, handle, attempt, message)
    before = attempt.remaining(made.clocks.awake())
    made.clocks.advance(30)
    assert before is not None and attempt.remaining(made.clocks.awake()) == pytest.approx(before - 30)
    made.clocks.advance(3000)
    assert attempt.remaining(made.clocks.awake()) is None


async def test_another_course_is_not_guessed(made: Made) -> None:
    await told(made, await running(made))
    for parameters in ('{"argv": ["python3", "other.py"]}', None):
        found = await told(made, await running(made, parameters))
        assert [fraction for fraction, _ in found] == [0.5, 0.99, None, None, None]


async def test_time_in_which_it_stood_still_is_no_time_that_it_needs(made: Made) -> None:
    attempt = await running(made)
    handle = made.yard.holder(attempt.task_id)
    assert handle is not None
    made.clocks.advance(5)

    def tell(fraction: float) -> None:
        progress.on_progress(made.yard, handle, attempt, {"fraction": fraction, "message": ""})

    tell(0.0)
    made.clocks.advance(10)
    tell(0.4)
    attempts.on_suspended(made.yard, handle, attempt, {"suspended": True})
    made.clocks.advance(3600)
    attempts.on_suspended(made.yard, handle, attempt, {"suspended": False})
    assert attempt.remaining(made.clocks.awake()) == pytest.approx(15)
    made.clocks.advance(10)
    tell(0.8)
    assert attempt.remaining(made.clocks.awake()) == pytest.approx(5)
