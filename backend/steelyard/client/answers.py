"""What the server answers, as types: the JSON of the HTTP interface, field by field.

They are plain dictionaries at run time. Who reads an answer of the server (the client, the command line) may
use them; the server itself builds its answers from its own rows. Times are ISO-8601 text in UTC ("Z"), sizes
are bytes, durations are seconds, shares are 0 to 1 (`progress`) or per cent (`cpu`, `percent`).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Attempt(TypedDict):
    """One try of a task. `cause`, `exit_code` and `signal` stand once it has ended."""

    number: int
    worker_id: str | None
    pid: int | None
    started_at: str | None
    finished_at: str | None
    cause: str | None
    exit_code: int | None
    signal: int | None
    evidence: str | None
    error_tail: str | None
    peak_memory: int | None
    cpu_seconds: float | None
    seconds: float | None
    remarks: list[str]


class Claim(TypedDict):
    """The memory a task is weighed with, where that figure is from, and the most that was seen, in bytes."""

    claim: int
    source: str
    peak: int | None


class Task(TypedDict):
    """A task with all its attempts, the oldest first."""

    task_id: str
    simulation: str
    parameters: dict[str, Any] | None
    label: str
    state: str
    cause: str | None
    priority: int
    queue: str
    tags: list[str]
    sweep_id: str | None
    key: str | None
    queued_at: str
    started_at: str | None
    finished_at: str | None
    not_before: str | None
    after: list[str]
    worker_id: str | None
    attempt: int
    max_attempts: int
    timeout: float
    memory: Claim
    cpu_seconds: float | None
    progress: float | None
    message: str | None
    eta: str | None
    suspended: bool
    waiting_for: str | None
    checkpoint_at: str | None
    unsaved: float | None
    result: Any
    attempts: list[Attempt]


class Sweep(TypedDict):
    """A sweep that was queued; its tasks in the order of its grid or rows. new: False for a known key."""

    sweep_id: str
    task_ids: list[str]
    new: bool


class SweepView(TypedDict):
    """A sweep and how its tasks stand: how many there are, how many in each state, and how far all are."""

    sweep_id: str
    simulation: str
    name: str
    key: str | None
    queued_at: str
    total: int
    counts: dict[str, int]
    progress: float


class SweepPage(TypedDict):
    """One page of sweeps, the newest first. `next`: cursor of the page after."""

    sweeps: list[SweepView]
    next: str | None


class TaskPage(TypedDict):
    """One page of tasks, the newest first. `next`: cursor of the page after; `total`: tasks on all pages."""

    tasks: list[Task]
    next: str | None
    total: int
    counts: dict[str, int]


class WorkerTask(TypedDict):
    """What a worker is busy with."""

    task_id: str
    simulation: str
    label: str
    attempt: int
    progress: float | None
    eta: str | None
    checkpoint_at: str | None
    unsaved: float
    suspended: bool
    quiet: bool


class Worker(TypedDict):
    """A worker; `memory` and `cpu` (per cent of one core) are those of its whole tree."""

    worker_id: str
    pid: int | None
    state: str
    heartbeat: str | None
    memory: int | None
    cpu: float | None
    started_at: str
    heartbeat_age: float | None
    stalled: bool
    dead: bool
    queue: str
    reason: str | None
    error_tail: str
    forced: bool
    tasks_done: int
    tasks_failed: int
    task: WorkerTask | None


class Limits(TypedDict):
    """How many workers are admitted now, and by what: "memory", "cores" or "cap"."""

    admissible: int
    active: int
    can_add: bool
    no_capacity: bool
    hard_cap: int
    physical_cores: int
    peak_per_worker: int
    next_claim: int | None
    next_fits: bool | None
    bound_by: str


class Memory(TypedDict):
    """The machine's (or the cgroup's) memory in bytes; `guard` is never given to workers."""

    total: int
    available: int
    used: int
    percent: float
    guard: int
    pressure: str


class QueueCounts(TypedDict):
    """How many tasks are in which state; paused: "user", "battery", or None while waiting tasks may start."""

    pending: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    paused: str | None


class Status(TypedDict):
    """Workers, limits, memory and queue in one answer; `seq` is the last change that it holds."""

    workers: list[Worker]
    limits: Limits
    memory: Memory
    queue: QueueCounts
    seq: int


class LogText(TypedDict):
    """A piece of an attempt's output (attempt 0: none yet), which has `size` bytes so far.

    The text begins at byte `offset`; `next` is where to go on, if the piece was asked for by its offset.
    `base64` holds the bytes instead of text, if it was asked for raw.
    """

    text: str
    offset: int
    next: NotRequired[int]
    base64: NotRequired[str]
    size: int
    attempt: int


class File(TypedDict):
    """A file that a task wrote; it is fetched by `id`, never by its path."""

    id: str
    name: str
    size: int
    attempt: int
    kind: str
    modified_at: str


class Files(list[File]):
    """Files of a task. `truncated`: there are more than these, at least `total` together."""

    total: int
    truncated: bool

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Files:
        """What the server's answer lists."""
        found = cls(answer["files"])
        found.total, found.truncated = answer["total"], answer["truncated"]
        return found


class Event(TypedDict):
    """A line of the event log."""

    seq: int
    at: str
    kind: str
    subject: str
    data: dict[str, Any]


class Run(TypedDict):
    """Where runs of a simulation work; manner: "side by side", "first alone" or "one at a time", and why."""

    workspace: str | None
    copy: list[str]
    link: list[str]
    keep: list[str]
    drop: list[str]
    manner: str
    why: str | None


class Simulation(TypedDict):
    """A simulation that can be submitted; `schema` is the JSON Schema of its parameters object."""

    name: str
    title: str
    description: str
    schema: dict[str, Any]
    resources: dict[str, Any]
    directory: NotRequired[str | None]
    run: NotRequired[Run]
    learned: NotRequired[dict[str, Any] | None]
    usual_duration: NotRequired[float | None]
    seen: NotRequired[dict[str, dict[str, Any]]]


class Outlook(TypedDict):
    """When the last task is done with so many workers; bound_by: "memory", "cores", "workers" or "tasks"."""

    workers: int
    done_at: str
    earliest: str
    latest: str
    bound_by: str


class KeptWaiting(TypedDict):
    """Tasks that cannot start as things are; why: "queue", "time", "other_programs", "never_fits" or
    "after": they wait for one of those.

    queue: which no worker serves. at: when the first of them may start. least, most: bytes that they claim.
    closable: programs whose end would make room for one of them.
    """

    why: str
    tasks: int
    queue: str | None
    at: str | None
    least: int
    most: int
    closable: list[dict[str, Any]] | None


class Forecast(TypedDict):
    """When what can start is done; able: how many tasks run or can start; waiting: those that cannot.

    unknown: of those that can, the ones that are left out, since nobody knows how long they take.
    """

    remaining: int
    able: int
    unknown: int
    workers: int
    paused: str | None
    outlooks: list[Outlook]
    waiting: list[KeptWaiting]


class Startup(TypedDict):
    """What a window asks first: is a worker there, and if not, is there room for one? Sizes are bytes."""

    workers: int
    prompt: str | None
    need: int | None
    headroom: int | None
    closable: list[dict[str, Any]] | None
    answered: NotRequired[bool]
    start_worker: NotRequired[bool]


class EventPage(TypedDict):
    """One page of the event log, the oldest first. `next`: the `since` of the page after, if there is one."""

    events: list[Event]
    next: int | None


class Sample(TypedDict):
    """What an attempt's tree used at a moment: bytes, and per cent of one core."""

    attempt: int
    at: str
    memory: int
    cpu: float


class Preferences(TypedDict):
    """All preferences: value, source ("environment", "preference", "default") and schema of each."""

    values: dict[str, Any]
    sources: dict[str, Literal["environment", "preference", "default"]]
    schema: dict[str, Any]
    notice: NotRequired[str | None]


class Result(TypedDict):
    """What came of one task of a sweep.

    varied: its values of the parameters that differ within the sweep; numbers: those of its result, nested
    ones with a dotted name ("cost.total"), NaN and infinities as floats; remarks: what is to be said of a
    result that could not be taken whole; seconds: how long its last attempt took; peak: bytes.
    """

    task_id: str
    label: str
    state: str
    cause: str | None
    parameters: dict[str, Any]
    varied: dict[str, Any]
    result: Any
    numbers: dict[str, float]
    remarks: list[str]
    seconds: float | None
    peak: int | None
