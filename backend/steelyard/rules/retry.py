"""What becomes of a task when an attempt has ended, as a function of cause and history (docs/states.md)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.rules.quantities import format_duration, format_size
from steelyard.rules.states import Cause, TaskState

FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 600.0
JITTER: Final = 0.1
"""Back-off: 2 s · 2ⁿ, at most 10 min, give or take a tenth, so that a sweep that failed together comes back
apart.
"""

LONG_ATTEMPT: Final = 3600.0
"""Seconds of awake time; an attempt that ran longer is worth repeating only from a checkpoint."""

MEMORY_RETRIES: Final = 2
LOST_IN_A_ROW: Final = 5
ENDS_AT_ONCE: Final = 5
"""A task that our guard ended for others' sake goes on at once so many times in a row without progress; then
it waits first, longer each time.
"""

RAISE: Final = 1.5
"""A task that ran out of memory comes back with this times the peak seen, which was cut short, as far as the
machine could give it.
"""

COUNTED: Final = frozenset({Cause.ERROR, Cause.TIMEOUT})
"""Causes that are spent from `attempts`."""

LOST: Final = frozenset({Cause.WORKER_LOST, Cause.SIDECAR_LOST})
MEMORY: Final = frozenset({Cause.MEMORY_GUARD, Cause.KERNEL_OOM})

_ENDS: Final = {
    Cause.SUCCEEDED: (TaskState.SUCCEEDED, "succeeded"),
    Cause.CANCELLED: (TaskState.CANCELLED, "cancelled"),
    Cause.ABORTED: (TaskState.FAILED, "its worker was aborted"),
    Cause.REJECTED: (TaskState.CANCELLED, "a task that it waits for did not succeed"),
}


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that has ended, as the rule sees it.

    checkpointed: it wrote a checkpoint of its own; duration: seconds of awake time; peak: bytes, None if
    never measured; claim: bytes that it ran with, None if nobody knows; started: False when its program or
    directory was not there. progressed: it got further than it stood at its start. An orderly quit counts as
    progress too: it says nothing about the task, and a quit never fails one.
    """

    cause: Cause
    checkpointed: bool = False
    duration: float = 0.0
    progressed: bool = False
    peak: int | None = None
    started: bool = True
    claim: int | None = None

    @property
    def was_for_others(self) -> bool:
        """Whether our guard ended it though it kept to its claim: that says nothing against the task."""
        kept = self.claim is not None and (self.peak or 0) <= self.claim
        return self.cause is Cause.MEMORY_GUARD and kept

    @property
    def moved(self) -> bool:
        """Whether something came of it that the next attempt has."""
        return self.progressed or self.checkpointed


@dataclass(frozen=True, slots=True)
class Decision:
    """The task's next state; READY: after `delay` seconds, with `claim` bytes (None: the claim it has).

    counted: the attempt is spent from `attempts`. reason: a sentence without a full stop, for the task's
    history.
    """

    state: TaskState
    delay: float
    claim: int | None
    counted: bool
    reason: str


def decide(
    history: Sequence[PastAttempt],
    max_attempts: int,
    rng: random.Random,
    *,
    claim: int,
    largest_claim: int,
) -> Decision:
    """What follows from the last attempt of history.

    history: every attempt since the budget began, with the submission or with the user's last retry.
    claim: the task's now; largest_claim: total − guard, what the machine could ever give; both bytes.
    rng: for the jitter of the back-off. ValueError for an empty history.
    """
    if not history:
        raise ValueError("a decision needs the attempt that has ended")
    last = history[-1]
    if last.cause in _ENDS:
        state, reason = _ENDS[last.cause]
        return Decision(state, 0.0, None, False, reason)
    if last.cause in LOST:
        return _after_loss(history)
    if last.cause in MEMORY:
        peak = max((attempt.peak for attempt in history if attempt.peak is not None), default=0)
        if peak >= largest_claim:
            most = format_size(max(0, largest_claim))
            reason = f"it will never fit: it used {format_size(peak)}, and this machine can give {most}"
            return Decision(TaskState.FAILED, 0.0, None, False, reason)
        if last.was_for_others:
            return _after_our_end(history, rng)
        return _after_memory(history, claim, largest_claim, peak)
    return _after_error(history, max_attempts, rng)


def by_cause(cause: Cause) -> Decision:
    """What follows from the last cause alone, where the history cannot be asked: nothing is tried again by
    itself but what was lost.
    """
    if cause in _ENDS:
        state, reason = _ENDS[cause]
        return Decision(state, 0.0, None, False, reason)
    if cause in LOST:
        return Decision(TaskState.READY, 0.0, None, False, "it was lost, back at its old place")
    return Decision(TaskState.FAILED, 0.0, None, True, "its earlier attempts could not be read")


def back_off(failures: int, rng: random.Random) -> float:
    """Seconds to wait after so many failures before this one: 2 s · 2ⁿ ± 10 %, at most 10 min."""
    # 2⁹ is past the longest delay already; a larger power would only overflow.
    nominal = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 9))
    return min(LONGEST_DELAY, nominal * rng.uniform(1 - JITTER, 1 + JITTER))


def _after_loss(history: Sequence[PastAttempt]) -> Decision:
    in_a_row = 0
    for attempt in reversed(history):
        if attempt.cause not in LOST or attempt.moved:
            break
        in_a_row += 1
    who = "worker" if history[-1].cause is Cause.WORKER_LOST else "sidecar"
    if in_a_row > LOST_IN_A_ROW:
        return Decision(
            TaskState.FAILED, 0.0, None, False, f"lost {in_a_row} times in a row without progress"
        )
    return Decision(TaskState.READY, 0.0, None, False, f"its {who} was lost, back at its old place")


def _after_our_end(history: Sequence[PastAttempt], rng: random.Random) -> Decision:
    """It never fails a task; one that got nowhere several times in a row waits longer each time."""
    in_a_row = 0
    for attempt in reversed(history):
        if not attempt.was_for_others or attempt.moved:
            break
        in_a_row += 1
    delay = back_off(in_a_row - ENDS_AT_ONCE - 1, rng) if in_a_row > ENDS_AT_ONCE else 0.0
    when = f" in {format_duration(delay)}" if delay else ""
    reason = f"it had kept to its claim, so it goes on with the same one, at its old place{when}"
    return Decision(TaskState.READY, delay, None, False, reason)


def _after_memory(history: Sequence[PastAttempt], claim: int, largest_claim: int, peak: int) -> Decision:
    """It outgrew its claim, or the kernel ended it: what it needs is more than what it was given."""
    ended = sum(attempt.cause in MEMORY and not attempt.was_for_others for attempt in history)
    if ended > MEMORY_RETRIES:
        return Decision(TaskState.FAILED, 0.0, None, False, f"it ran out of memory {ended} times")
    # Never lowered: the kernel may have ended it for what others took.
    raised = max(claim, min(int(peak * RAISE), largest_claim))
    again = f"it is tried again with {format_size(raised)}"
    return Decision(TaskState.READY, 0.0, raised if raised != claim else None, False, again)


def _after_error(history: Sequence[PastAttempt], max_attempts: int, rng: random.Random) -> Decision:
    last = history[-1]
    if not last.started:
        return Decision(TaskState.FAILED, 0.0, None, True, "its program or directory was not there")
    what = "timed out" if last.cause is Cause.TIMEOUT else "ended with an error"
    spent = sum(attempt.cause in COUNTED for attempt in history)
    needs_checkpoint = last.cause is Cause.TIMEOUT or last.duration > LONG_ATTEMPT
    if needs_checkpoint and not last.checkpointed:
        after = f" after {format_duration(last.duration)}"
        return Decision(TaskState.FAILED, 0.0, None, True, f"{what}{after} without a new checkpoint")
    if spent >= max_attempts:
        return Decision(TaskState.FAILED, 0.0, None, True, f"{what}; all {max_attempts} attempts are spent")
    delay = back_off(spent - 1, rng)
    again = f"{what}; attempt {spent + 1} of {max_attempts} in {format_duration(delay)}"
    return Decision(TaskState.READY, delay, None, True, again)
