"""The states of workers and tasks, the causes of an attempt's end, and the only transitions there are."""

from __future__ import annotations

from enum import StrEnum


class WorkerState(StrEnum):
    """Where a worker stands in its life."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    DEAD = "DEAD"
    FAILED = "FAILED"


class TaskState(StrEnum):
    """Where a task stands in its life."""

    READY = "READY"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Cause(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    WORKER_LOST = "worker_lost"
    SIDECAR_LOST = "sidecar_lost"
    MEMORY_GUARD = "memory_guard"
    KERNEL_OOM = "kernel_oom"
    REJECTED = "rejected"


class IllegalTransition(Exception):
    """Code asked for a change of state that is in no table: a fault of ours, never of the user."""


_W, _T = WorkerState, TaskState

WORKER_TRANSITIONS: frozenset[tuple[WorkerState, WorkerState]] = frozenset(
    {
        (_W.STARTING, _W.RUNNING),
        (_W.STARTING, _W.DRAINING),
        (_W.RUNNING, _W.DRAINING),
        (_W.DRAINING, _W.DEAD),
        (_W.STARTING, _W.DEAD),
        (_W.RUNNING, _W.DEAD),
        (_W.STARTING, _W.FAILED),
        (_W.RUNNING, _W.FAILED),
        (_W.DRAINING, _W.FAILED),
    }
)

TASK_TRANSITIONS: frozenset[tuple[TaskState, TaskState]] = frozenset(
    {
        (_T.READY, _T.RUNNING),
        (_T.RUNNING, _T.SUCCEEDED),
        (_T.RUNNING, _T.FAILED),
        (_T.RUNNING, _T.CANCELLED),
        (_T.RUNNING, _T.READY),
        (_T.READY, _T.CANCELLED),
        (_T.READY, _T.FAILED),
        (_T.FAILED, _T.READY),
        (_T.CANCELLED, _T.READY),
    }
)

LIVE_WORKERS = frozenset({_W.STARTING, _W.RUNNING, _W.DRAINING})
"""States in which a worker has, or may have, a process."""

ENDED_WORKERS = frozenset({_W.DEAD, _W.FAILED})
"""States that a worker never leaves."""

ENDED_TASKS = frozenset({_T.SUCCEEDED, _T.FAILED, _T.CANCELLED})
"""States in which a task waits for nobody but its user."""


def check_worker(old: WorkerState, new: WorkerState) -> None:
    """Raise IllegalTransition unless a worker may go from old to new."""
    if (old, new) not in WORKER_TRANSITIONS:
        raise IllegalTransition(f"a worker cannot go from {old} to {new}")


def check_task(old: TaskState, new: TaskState) -> None:
    """Raise IllegalTransition unless a task may go from old to new."""
    if (old, new) not in TASK_TRANSITIONS:
        raise IllegalTransition(f"a task cannot go from {old} to {new}")
