"""One live worker as the supervisor holds it: its process, its pipes, and the attempt that it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from steelyard.machine.faultpoints import reach
from steelyard.machine.processes import TreeUse
from steelyard.rules import messages
from steelyard.rules.forecast import Span
from steelyard.rules.ladder import SuspendedBy
from steelyard.rules.states import WorkerState

Point = tuple[float, int, float]
"""A sample: wall clock (Unix s), memory (bytes), CPU (per cent of one core)."""

SHORTEST_STRETCH = 0.15
"""Seconds; growth over less than this is mostly noise."""

POINTS = 500
"""Samples kept of one attempt (DESIGN section 6)."""


@dataclass(slots=True)
class RunningAttempt:
    """The attempt that a worker runs now. Times are awake time in seconds unless they say wall."""

    task_id: str
    number: int
    simulation: str
    label: str
    claim: int
    claim_source: str
    cores: int
    started: float
    started_wall: float
    parameters: str | None = None
    """JSON; None for one that went on from a checkpoint: it takes less than others, nobody knows how much."""
    span: Span | None = None
    """How long such a run takes, as far as that was learned by now."""
    pid: int | None = None
    identity: str | None = None
    executable: str | None = None
    refused: bool = False
    progress: float | None = None
    message: str = ""
    first_progress: tuple[float, float] | None = None
    checkpoint_wall: float | None = None
    """Wall clock of the task's last checkpoint, of an earlier attempt too."""
    saved: float = 0.0
    """How long it had run when it wrote its last checkpoint, seconds as ran_for() counts them."""
    suspended: bool = False
    suspended_by: SuspendedBy | None = None
    """Who asked for it to stand still; the agent's answer may be on its way."""
    suspended_since: float | None = None
    stood_still: float = 0.0
    times_suspended: int = 0
    """How often the memory guard did it."""
    stop_reason: str | None = None
    because: str | None = None
    """Why the memory guard ends it, in words."""
    output_size: int = 0
    last_sign: float = 0.0
    peak: int = 0
    weighed: tuple[float, int] | None = None
    """Awake time and memory of the sample before."""
    growth: float = 0.0
    """Bytes a second, over the last few samples."""
    cpu_seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    spacing: float = 1.0

    def note_sample(self, wall: float, memory: int, cpu: float, cpu_seconds: float) -> None:
        """Keep a sample; when there are too many, every second one goes."""
        self.peak = max(self.peak, memory)
        self.cpu_seconds = max(self.cpu_seconds, cpu_seconds)
        if not self.points or wall - self.points[-1][0] >= self.spacing:
            self.points.append((wall, memory, cpu))
        if len(self.points) > POINTS:
            self.points = self.points[::2]
            self.spacing *= 2

    def note_growth(self, now: float, memory: int) -> None:
        """Follow how fast it grows, from one sample to the next; half of the figure is the latest stretch."""
        if self.weighed is not None and now - self.weighed[0] < SHORTEST_STRETCH:
            return
        if self.weighed is not None:
            latest = (memory - self.weighed[1]) / (now - self.weighed[0])
            self.growth = latest if self.growth == 0.0 else (self.growth + latest) / 2
        self.weighed = (now, memory)

    def ran_for(self, now: float) -> float:
        """Seconds of awake time since its start in which it did not stand still."""
        still = 0.0 if self.suspended_since is None else now - self.suspended_since
        return max(0.0, now - self.started - self.stood_still - still)

    def unsaved(self, now: float) -> float:
        """Seconds of work since its last checkpoint, or its start: what is lost if it ends now."""
        return max(0.0, self.ran_for(now) - self.saved)

    def remaining(self, now: float) -> float | None:
        """Seconds of awake time until it is done, by its own progress or else by what such runs usually take.

        None while that cannot be told, and for one that takes longer than usual.
        """
        if self.suspended:
            return None
        if self.progress is not None and self.first_progress is not None:
            since, at_first = self.first_progress
            gained = self.progress - at_first
            if gained > 0:
                return max(0.0, (1.0 - self.progress) * (now - since) / gained)
        left = None if self.span is None else self.span.usual - self.ran_for(now)
        return left if left is not None and left > 0 else None


@dataclass(slots=True, eq=False)
class WorkerHandle:
    """A worker between its spawn and its end. state mirrors the row, and changes only after a commit."""

    worker_id: str
    queue: str
    token: str
    forced: bool
    started: float
    started_wall: float
    state: WorkerState = WorkerState.STARTING
    process: asyncio.subprocess.Process | None = None
    identity: str | None = None
    attempt: RunningAttempt | None = None
    use: TreeUse | None = None
    own_memory: int = 0
    own_cpu_seconds: float = 0.0
    warm: str | None = None
    """The simulation whose process the agent keeps warm while it is idle."""
    tasks_done: int = 0
    tasks_failed: int = 0
    heartbeat: float | None = None
    heartbeat_wall: float | None = None
    heartbeat_interval: float = 30.0
    low_priority: bool = False
    end_reason: str | None = None
    fault: str | None = None
    dismissed: bool = False
    aborted: bool = False
    gone: bool = False
    leaving: bool = False
    dead_since: float | None = None
    reader: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    confirmations: list[asyncio.Future[bool | None]] = field(default_factory=list)

    @property
    def pid(self) -> int | None:
        """The agent's process id, as the sidecar sees it."""
        return self.process.pid if self.process is not None else None

    @property
    def idle(self) -> bool:
        """Ready to take a task."""
        return (
            self.state is WorkerState.RUNNING and self.attempt is None and not self.gone and not self.leaving
        )

    @property
    def task_memory(self) -> int:
        """Bytes that the task's tree uses now: the whole tree less what the agent alone used before."""
        return max(0, self.use.memory - self.own_memory) if self.use is not None else 0

    @property
    def warm_memory(self) -> int:
        """Bytes that an idle worker's warm process holds: the next task takes them over, or frees them."""
        return self.task_memory if self.warm is not None and self.attempt is None else 0

    def send(self, type_: str, **fields: Any) -> None:
        """Write one message to the agent; a pipe that is closed already is noticed by its reader."""
        stdin = self.process.stdin if self.process is not None else None
        if stdin is not None and not stdin.is_closing() and not self.gone:
            reach(type_, "before_send")
            stdin.write(messages.encode(type_, **fields))
            reach(type_, "after_send")

    def dismiss(self, grace: float) -> None:
        """Tell the agent to leave, after its task had `grace` seconds to stop;

        nothing may be sent to it afterwards.
        """
        self.leaving = True
        self.send("exit", grace=grace)

    def confirm(self, suspended: bool) -> None:
        """Tell whoever waits for a suspend or a resume what came of it: the agent answers in their order."""
        if self.confirmations:
            future = self.confirmations.pop(0)
            if not future.done():
                future.set_result(suspended)

    def deny(self) -> None:
        """Tell whoever waits for a suspend or a resume that the attempt has ended meanwhile."""
        waiting, self.confirmations = self.confirmations, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
