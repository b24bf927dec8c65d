"""The tables of states: what docs/states.md says, nothing more, and whoever asks for more raises."""

from __future__ import annotations

import itertools

import pytest

from steelyard.rules.states import (
    ENDED_TASKS,
    ENDED_WORKERS,
    LIVE_WORKERS,
    TASK_TRANSITIONS,
    WORKER_TRANSITIONS,
    Cause,
    IllegalTransition,
    TaskState,
    WorkerState,
    check_task,
    check_worker,
)

# Written out once more, so that a slip in the table is a failure here.
WORKER_ARROWS = """
    STARTING→RUNNING STARTING→DRAINING RUNNING→DRAINING DRAINING→DEAD
    STARTING→DEAD RUNNING→DEAD
    STARTING→FAILED RUNNING→FAILED DRAINING→FAILED
"""
TASK_ARROWS = """
    READY→RUNNING RUNNING→SUCCEEDED RUNNING→FAILED RUNNING→CANCELLED RUNNING→READY
    READY→CANCELLED READY→FAILED FAILED→READY CANCELLED→READY
"""


def arrows(text: str) -> set[tuple[str, str]]:
    return {(old, new) for old, new in (arrow.split("→") for arrow in text.split())}


def test_the_tables_are_those_of_the_design() -> None:
    assert {(old.value, new.value) for old, new in WORKER_TRANSITIONS} == arrows(WORKER_ARROWS)
    assert {(old.value, new.value) for old, new in TASK_TRANSITIONS} == arrows(TASK_ARROWS)


@pytest.mark.parametrize(
    "pair", list(itertools.product(WorkerState, repeat=2)), ids=lambda pair: "-".join(pair)
)
def test_every_pair_of_worker_states_passes_or_raises(pair: tuple[WorkerState, WorkerState]) -> None:
    if pair in WORKER_TRANSITIONS:
        check_worker(*pair)
    else:
        with pytest.raises(IllegalTransition):
            check_worker(*pair)


@pytest.mark.parametrize(
    "pair", list(itertools.product(TaskState, repeat=2)), ids=lambda pair: "-".join(pair)
)
def test_every_pair_of_task_states_passes_or_raises(pair: tuple[TaskState, TaskState]) -> None:
    if pair in TASK_TRANSITIONS:
        check_task(*pair)
    else:
        with pytest.raises(IllegalTransition):
            check_task(*pair)


def test_live_and_ended_part_the_workers() -> None:
    assert set(WorkerState) == LIVE_WORKERS | ENDED_WORKERS
    assert not LIVE_WORKERS & ENDED_WORKERS
    assert not any(old in ENDED_WORKERS for old, _ in WORKER_TRANSITIONS)


def test_an_ended_task_moves_only_for_its_user_and_a_success_never() -> None:
    assert {(old, new) for old, new in TASK_TRANSITIONS if old in ENDED_TASKS} == {
        (TaskState.FAILED, TaskState.READY),
        (TaskState.CANCELLED, TaskState.READY),
    }


def test_the_causes_are_those_of_the_contract() -> None:
    assert {cause.value for cause in Cause} == {
        "succeeded", "error", "timeout", "cancelled", "aborted", "worker_lost", "sidecar_lost",
        "memory_guard",
        "kernel_oom", "rejected",
    }  # fmt: skip
