"""Answers about workers, and the status."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from steelyard.rules.states import WorkerState
from steelyard.web.schemas.common import (
    Bytes,
    Count,
    Moment,
    PausedBy,
    Percent,
    Pressure,
    Queue,
    Reply,
    Seconds,
    Seq,
    Share,
)


class WorkerTask(Reply):
    """What a worker is busy with."""

    task_id: str
    simulation: str
    label: str
    attempt: Annotated[int, Meta(ge=1)]
    progress: Share | None
    eta: Moment | None
    checkpoint_at: Moment | None
    unsaved: Annotated[Seconds, Meta(description="Seconds of work that an end now would lose.")]
    suspended: bool
    quiet: Annotated[bool, Meta(description="30 minutes without output, progress and CPU use: a hint.")]


class Worker(Reply):
    """A worker. Memory and CPU are those of its whole tree."""

    worker_id: str
    pid: int | None
    state: WorkerState
    heartbeat: Moment | None
    memory: Bytes | None
    cpu: Percent | None
    started_at: Moment
    heartbeat_age: Seconds | None
    stalled: bool
    dead: Annotated[bool, Meta(description="Its process is gone, and that is not recorded yet.")]
    queue: Queue
    reason: Annotated[str | None, Meta(description="Why it is in its state, in words.")]
    error_tail: Annotated[str, Meta(description="The last output of one that failed.")]
    forced: bool
    tasks_done: Count
    tasks_failed: Count
    task: WorkerTask | None


class Limits(Reply):
    """How many workers this machine bears now, and what bounds that."""

    admissible: Count
    active: Annotated[int, Meta(ge=0, description="STARTING, RUNNING and DRAINING.")]
    can_add: bool
    no_capacity: bool
    hard_cap: Count
    physical_cores: Count
    peak_per_worker: Annotated[
        Bytes,
        Meta(description="What one more is weighed with: the smallest claim that waits, or the default."),
    ]
    next_claim: Annotated[Bytes | None, Meta(description="The claim of the task that is first in line.")]
    next_fits: bool | None
    bound_by: Literal["memory", "cores", "cap"]


class Memory(Reply):
    """The smaller of the machine's memory and the control group's. `guard` is never given to workers."""

    total: Bytes
    available: Bytes
    used: Bytes
    percent: Annotated[float, Meta(ge=0, le=100)]
    guard: Bytes
    pressure: Pressure


class QueueCounts(Reply):
    """How many tasks are in which state; `pending` are those READY."""

    pending: Count
    running: Count
    succeeded: Count
    failed: Count
    cancelled: Count
    paused: PausedBy


class Status(Reply):
    """Workers, limits, memory and queue at one moment."""

    workers: list[Worker]
    limits: Limits
    memory: Memory
    queue: QueueCounts
    seq: Seq


class QueueDone(Reply):
    """The queue as it is now."""

    status: Literal["success"]
    paused: PausedBy


class WorkerDone(Reply):
    """It was done to this worker."""

    status: Literal["success"]
    worker_id: str


class WorkersDone(Reply):
    """These workers were started; fewer than asked for where the machine admits no more."""

    status: Literal["success"]
    worker_ids: list[str]


class CleanedUp(Reply):
    """How many ended workers are off the list now."""

    status: Literal["success"]
    cleaned_up: Count


class Transitions(Reply):
    """How many workers and tasks the checks changed."""

    failed_on_timeout: Count
    marked_dead: Count
    cleaned_up: Count
    tasks_requeued: Count


class Ticked(Reply):
    """What the checks found."""

    status: Literal["success"]
    transitions: Transitions


class WorkerLog(Reply):
    """The end of a worker's log."""

    worker_id: str
    text: str
