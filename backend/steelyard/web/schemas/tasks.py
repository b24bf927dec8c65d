"""Answers about tasks, and what they wrote."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from steelyard.rules.states import Cause, TaskState
from steelyard.web.schemas.common import Bytes, Count, Moment, Percent, Queue, Reply, Seconds, Share


class Attempt(Reply):
    """One try of a task. `cause`, `exit_code` and `signal` stand once it has ended."""

    number: Annotated[int, Meta(ge=1)]
    worker_id: str | None
    pid: int | None
    started_at: Moment | None
    finished_at: Moment | None
    cause: Cause | None
    exit_code: int | None
    signal: int | None
    evidence: Annotated[str | None, Meta(description="How one knows the cause, in words.")]
    error_tail: Annotated[str | None, Meta(description="The last 1,000 characters of one that failed.")]
    peak_memory: Bytes | None
    cpu_seconds: Seconds | None
    seconds: Annotated[Seconds | None, Meta(description="How long it ran, without sleep; null until then.")]
    remarks: Annotated[list[str], Meta(description="What we noticed beside how it ended, in sentences.")]


class Claim(Reply):
    """The memory that a task is weighed with, where that figure is from, and the most that was seen."""

    claim: Bytes
    source: Literal["task", "simulation", "learned", "default"]
    peak: Bytes | None


class Task(Reply):
    """A task with its attempts, the oldest first. In events, parameters and result over 8 KiB are null."""

    task_id: str
    simulation: str
    parameters: dict[str, Any] | None
    label: str
    state: TaskState
    cause: Cause | None
    priority: Annotated[int, Meta(ge=-100, le=100)]
    queue: Queue
    tags: list[str]
    sweep_id: str | None
    key: str | None
    queued_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    not_before: Moment | None
    after: list[str]
    worker_id: str | None
    attempt: Annotated[int, Meta(ge=0, description="The number of the last attempt; 0 before the first.")]
    max_attempts: Annotated[int, Meta(ge=1)]
    timeout: Seconds
    memory: Claim
    cpu_seconds: Seconds | None
    progress: Share | None
    message: str | None
    eta: Moment | None
    suspended: bool
    waiting_for: Annotated[str | None, Meta(description="Why a READY task does not start, in words.")]
    checkpoint_at: Moment | None
    unsaved: Annotated[Seconds | None, Meta(description="Seconds of work that an end now would lose.")]
    result: Annotated[Any, Meta(description="What result.json holds, up to 64 KiB; else null.")]
    attempts: list[Attempt]


class TaskCounts(Reply):
    """How many tasks there are of each state, whatever the filters."""

    READY: Count
    RUNNING: Count
    SUCCEEDED: Count
    FAILED: Count
    CANCELLED: Count


class TaskPage(Reply):
    """A page of tasks, newest first. `next` is the cursor of the page after; `total` is of all pages."""

    tasks: list[Task]
    next: str | None
    total: Count
    counts: TaskCounts


class TaskId(Reply):
    """The task that was queued. new: False if its key was there already, so that this is the task of then."""

    task_id: str
    new: bool


class TaskIds(Reply):
    """The tasks that were queued, in the order of the request."""

    task_ids: list[str]


class Sweep(Reply):
    """A sweep that was queued; its tasks in the order of its grid or rows. new: False for a known key."""

    sweep_id: str
    task_ids: list[str]
    new: bool


class SweepView(Reply):
    """A sweep and how its tasks stand."""

    sweep_id: str
    simulation: str
    name: str
    key: str | None
    queued_at: Moment
    total: Count
    counts: TaskCounts
    progress: Share


class SweepPage(Reply):
    """A page of sweeps, newest first. `next` is the cursor of the page after."""

    sweeps: list[SweepView]
    next: str | None


class SweepCancelled(Reply):
    """How many of its tasks are cancelled, or will be as soon as their processes have ended."""

    status: Literal["success"]
    sweep_id: str
    cancelled: Count


class SweepRetried(Reply):
    """How many of its tasks are queued again."""

    status: Literal["success"]
    sweep_id: str
    retried: Count


class TaskDone(Reply):
    """It was done to this task."""

    status: Literal["success"]
    task_id: str


class TaskRetried(Reply):
    """The task is queued again, and with it the tasks of `task_ids`: itself first, then its dependents."""

    status: Literal["success"]
    task_id: str
    task_ids: list[str]


class LogText(Reply):
    """A piece of the last attempt's output, from byte `offset` on. `next`, with `offset`: where to go on."""

    task_id: str
    attempt: Count
    offset: Count
    size: Bytes
    text: str
    next: Count | UnsetType = UNSET
    base64: str | UnsetType = UNSET


class File(Reply):
    """A file that an attempt wrote. It is fetched by its id."""

    id: str
    name: Annotated[str, Meta(description="Below the output folder, with /.")]
    size: Bytes
    attempt: Annotated[int, Meta(ge=1)]
    kind: Literal["image", "table", "json", "text", "other"]
    modified_at: Moment


class Files(Reply):
    """The files of all attempts, the last attempt's first, at most 5,000 of them."""

    files: list[File]
    total: Annotated[Count, Meta(description="How many there are, at least: 100,000 are counted.")]
    truncated: Annotated[bool, Meta(description="Whether there are files that the list leaves out.")]


class Sample(Reply):
    """Memory and CPU of an attempt's tree at a moment."""

    attempt: Annotated[int, Meta(ge=1)]
    at: Moment
    memory: Bytes
    cpu: Percent


class Samples(Reply):
    """At most 500 points an attempt, oldest first."""

    samples: list[Sample]
