"""The retry rule, row by row of its table."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.quantities import GIB
from steelyard.rules.retry import Decision, PastAttempt, back_off, decide
from steelyard.rules.states import TASK_TRANSITIONS, Cause, TaskState

ERROR = PastAttempt(Cause.ERROR)
LOST = PastAttempt(Cause.WORKER_LOST)
OUR_QUIT = PastAttempt(Cause.SIDECAR_LOST)
LARGEST = 60 * GIB


def after(*history: PastAttempt, attempts: int = 3, claim: int = 8 * GIB) -> Decision:
    return decide(history, attempts, random.Random(7), claim=claim, largest_claim=LARGEST)


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (Cause.SUCCEEDED, TaskState.SUCCEEDED),
        (Cause.CANCELLED, TaskState.CANCELLED),
        (Cause.ABORTED, TaskState.FAILED),
        (Cause.REJECTED, TaskState.CANCELLED),
    ],
)
def test_these_causes_end_a_task_whatever_came_before(cause: Cause, state: TaskState) -> None:
    for history in ((), (ERROR,), (LOST,) * 9):
        decision = after(*history, PastAttempt(cause))
        assert (decision.state, decision.counted, decision.delay, decision.claim) == (state, False, 0.0, None)


def test_errors_come_back_until_the_attempts_are_spent() -> None:
    first, second, third = after(ERROR), after(ERROR, ERROR), after(ERROR, ERROR, ERROR)
    assert first.state is second.state is TaskState.READY
    assert 1.8 <= first.delay <= 2.2
    assert 3.6 <= second.delay <= 4.4
    assert third.state is TaskState.FAILED
    assert first.counted and second.counted and third.counted
    assert "all 3 attempts" in third.reason
    assert after(ERROR, attempts=1).state is TaskState.FAILED


@given(st.integers(0, 10_000), st.integers())
def test_the_back_off_doubles_to_ten_minutes(failures: int, seed: int) -> None:
    nominal = min(600.0, 2.0 * 2.0 ** min(failures, 60))
    assert 0.9 * nominal <= back_off(failures, random.Random(seed)) <= min(600.0, 1.1 * nominal)


def test_two_tasks_that_failed_together_come_back_apart() -> None:
    rng = random.Random(1)
    assert back_off(3, rng) != back_off(3, rng)


@pytest.mark.parametrize(
    ("attempt", "state"),
    [
        (PastAttempt(Cause.TIMEOUT, checkpointed=False, duration=10), TaskState.FAILED),
        (PastAttempt(Cause.TIMEOUT, checkpointed=True, duration=10), TaskState.READY),
        (PastAttempt(Cause.ERROR, checkpointed=False, duration=3600), TaskState.READY),
        (PastAttempt(Cause.ERROR, checkpointed=False, duration=3600.1), TaskState.FAILED),
        (PastAttempt(Cause.ERROR, checkpointed=True, duration=3600.1), TaskState.READY),
    ],
)
def test_long_work_is_repeated_only_from_a_new_checkpoint(attempt: PastAttempt, state: TaskState) -> None:
    decision = after(attempt)
    assert decision.state is state
    assert decision.counted
    assert ("checkpoint" in decision.reason) == (state is TaskState.FAILED)


def test_a_checkpoint_of_an_earlier_attempt_is_not_a_new_one() -> None:
    earlier = PastAttempt(Cause.TIMEOUT, checkpointed=True, duration=10)
    assert after(earlier, PastAttempt(Cause.TIMEOUT, duration=10)).state is TaskState.FAILED


def test_only_errors_and_timeouts_are_spent() -> None:
    others = [
        PastAttempt(Cause.WORKER_LOST),
        PastAttempt(Cause.SIDECAR_LOST, progressed=True),
        PastAttempt(Cause.MEMORY_GUARD, peak=GIB),
        PastAttempt(Cause.KERNEL_OOM, peak=GIB),
    ]
    assert after(*others, ERROR, ERROR).state is TaskState.READY
    # The back-off counts the same ones: this is the first error.
    assert after(*others, ERROR).delay < 3
    assert after(*others, ERROR, ERROR, ERROR).state is TaskState.FAILED
    assert not any(after(one).counted for one in others)


@pytest.mark.parametrize("cause", [Cause.MEMORY_GUARD, Cause.KERNEL_OOM])
def test_memory_comes_back_twice_with_a_raised_claim(cause: Cause) -> None:
    attempt = PastAttempt(cause, peak=10 * GIB)
    once, twice, thrice = after(attempt), after(attempt, attempt), after(attempt, attempt, attempt)
    assert (once.state, once.claim, once.delay, once.counted) == (TaskState.READY, 15 * GIB, 0.0, False)
    assert twice.state is TaskState.READY
    assert thrice.state is TaskState.FAILED
    assert "3 times" in thrice.reason


def test_both_causes_of_memory_are_one_count() -> None:
    guard, kernel = PastAttempt(Cause.MEMORY_GUARD), PastAttempt(Cause.KERNEL_OOM)
    assert after(guard, kernel, guard).state is TaskState.FAILED


def test_the_peak_seen_is_that_of_any_attempt_and_a_claim_is_never_lowered() -> None:
    assert (
        after(PastAttempt(Cause.ERROR, peak=20 * GIB), PastAttempt(Cause.KERNEL_OOM, peak=GIB)).claim
        == 30 * GIB
    )
    assert after(PastAttempt(Cause.MEMORY_GUARD, peak=GIB)).claim is None
    assert after(PastAttempt(Cause.MEMORY_GUARD)).claim is None


@pytest.mark.parametrize(
    ("peak", "claim", "state", "new"),
    [
        (10, 8, TaskState.READY, 15),
        (40, 39, TaskState.READY, 60),
        (41, 39, TaskState.READY, 60),  # 61.5 is more than there is, and 60 is more than it took
        (59, 50, TaskState.READY, 60),
        (60, 50, TaskState.FAILED, None),
        (61, 50, TaskState.FAILED, None),
        (60, 80, TaskState.FAILED, None),  # forced: it is no claim that keeps it from being ended
    ],
)
def test_who_outgrew_its_claim_is_raised_as_far_as_the_machine_goes(
    peak: int, claim: int, state: TaskState, new: int | None
) -> None:
    decision = after(
        PastAttempt(Cause.MEMORY_GUARD, peak=peak * GIB, claim=claim * GIB), claim=claim * GIB, attempts=1
    )
    assert (decision.state, decision.claim) == (state, new and new * GIB)
    if state is TaskState.FAILED:
        assert decision.reason == (
            f"it will never fit: it used {peak}.0 GiB, and this machine can give 60.0 GiB"
        )


KEPT = PastAttempt(Cause.MEMORY_GUARD, peak=int(39.9 * GIB), claim=40 * GIB)


def test_an_end_of_ours_within_its_claim_is_no_fault_of_the_task() -> None:
    """Ten hours of work, 39.9 of 40 GiB used, and a browser for 4 s: that is no reason to fail it."""
    decision = after(KEPT, claim=40 * GIB, attempts=1)
    assert decision == Decision(
        TaskState.READY,
        0.0,
        None,
        False,
        "it had kept to its claim, so it goes on with the same one, at its old place",
    )
    # Neither do the errors after it come sooner, nor is it one of the two ends that a task may outgrow.
    assert after(KEPT, ERROR, claim=40 * GIB).delay < 3
    outgrown = PastAttempt(Cause.MEMORY_GUARD, peak=10 * GIB, claim=8 * GIB)
    assert after(*[KEPT] * 9, outgrown, outgrown).state is TaskState.READY
    assert after(*[KEPT] * 9, *[outgrown] * 3).state is TaskState.FAILED


def test_however_often_others_take_memory_a_task_that_keeps_its_claim_never_fails() -> None:
    decisions = [after(*[KEPT] * times, claim=40 * GIB, attempts=1) for times in range(1, 201)]
    assert {one.state for one in decisions} == {TaskState.READY}
    # It does not spin either: what gets nowhere five times in a row waits, longer each time.
    assert [one.delay > 0 for one in decisions] == [False] * 5 + [True] * 195
    assert 1.8 <= decisions[5].delay <= 2.2 and 540 <= decisions[-1].delay <= 600


@pytest.mark.parametrize("moved", [{"progressed": True}, {"checkpointed": True}])
def test_progress_begins_a_new_row_of_ends_of_ours(moved: dict[str, bool]) -> None:
    history = [*[KEPT] * 5, replace(KEPT, **moved), *[KEPT] * 5]
    assert after(*history, claim=40 * GIB).delay == 0.0
    assert after(*history, KEPT, claim=40 * GIB).delay > 0.0


@pytest.mark.parametrize("cause", [Cause.WORKER_LOST, Cause.SIDECAR_LOST])
def test_a_lost_task_goes_back_five_times_in_a_row(cause: Cause) -> None:
    lost = PastAttempt(cause)
    for times in range(1, 6):
        decision = after(*[lost] * times, attempts=1)
        assert (decision.state, decision.delay, decision.counted) == (TaskState.READY, 0.0, False)
    assert after(*[lost] * 6).state is TaskState.FAILED


@pytest.mark.parametrize(
    "between",
    [
        PastAttempt(Cause.WORKER_LOST, progressed=True),
        PastAttempt(Cause.SIDECAR_LOST, checkpointed=True),
        PastAttempt(Cause.ERROR),
    ],
)
def test_what_breaks_the_row_of_losses(between: PastAttempt) -> None:
    assert after(*[LOST] * 5, between, *[LOST] * 5).state is TaskState.READY
    assert after(*[LOST] * 5, between, *[LOST] * 6).state is TaskState.FAILED


def test_losing_worker_and_sidecar_by_turns_is_one_row() -> None:
    assert after(*[LOST, OUR_QUIT] * 3).state is TaskState.FAILED


def test_there_is_nothing_to_decide_without_an_attempt() -> None:
    with pytest.raises(ValueError, match="needs the attempt"):
        after()


attempts = st.builds(
    PastAttempt,
    cause=st.sampled_from(Cause),
    checkpointed=st.booleans(),
    duration=st.floats(0, 1e6),
    progressed=st.booleans(),
    peak=st.none() | st.integers(1, 200 * GIB),
    claim=st.none() | st.integers(1, 200 * GIB),
)


@given(st.lists(attempts, min_size=1, max_size=12), st.integers(1, 100), st.integers(1, 200 * GIB))
def test_every_decision_is_a_legal_one(history: list[PastAttempt], limit: int, claim: int) -> None:
    decision = after(*history, attempts=limit, claim=claim)
    assert (TaskState.RUNNING, decision.state) in TASK_TRANSITIONS
    assert 0 <= decision.delay <= 600
    assert decision.delay == 0 or decision.state is TaskState.READY
    assert decision.claim is None or claim < decision.claim <= LARGEST
    assert decision.counted == (history[-1].cause in (Cause.ERROR, Cause.TIMEOUT))
    assert decision.reason and not decision.reason.endswith(".")


@given(st.lists(attempts, min_size=1, max_size=60), st.integers(1, 5))
def test_a_task_that_gets_nowhere_ends(history: list[PastAttempt], limit: int) -> None:
    # Whatever ends them, attempts without progress and without a checkpoint cannot go on for ever: errors are
    # spent, memory is counted, and each of those lets at most five losses pass before a row is broken again.
    # (Ends of ours are no fault of a task. They are left out: their claims are not known here.)
    poison = [PastAttempt(one.cause, duration=one.duration) for one in history]
    returns = 0
    for end in range(1, len(poison) + 1):
        if after(*poison[:end], attempts=limit).state is not TaskState.READY:
            break
        returns += 1
    assert returns <= (limit - 1 + 2 + 1) * 6
