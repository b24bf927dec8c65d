"""One live worker as the supervisor holds it: its process, its pipes, and the attempt that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from steelyard.machine.faultpoints import reach
from steelyard.machine.processes import TreeUse
from steelyard.machine.task_groups import Group
from steelyard.rules import messages
from steelyard.rules.core_use import CoreUse
from steelyard.rules.features import program_of
from steelyard.rules.footprint import Footprint
from steelyard.rules.level import Level, reckoned
from steelyard.rules.samples import MAX_POINTS, Point, thin
from steelyard.rules.stages import Course, Stage
from steelyard.rules.states import WorkerState
from steelyard.rules.weighing import Step, SuspendedBy, reserve
from steelyard.store.claims import Outcome

EXIT_GRACE = 10.0
"""Seconds that a task gets for its checkpoint when its agent is told to leave."""

SHORTEST_STRETCH = 0.15
"""Seconds; growth over less than this is mostly noise."""


@dataclass(slots=True)
class StandOrder:
    """An order to stand still, or to go on, until the agent has answered it. Agents answer in order."""

    still: bool
    by: SuspendedBy
    """Who gave it."""
    answer: asyncio.Future[bool | None]
    """Whether the tree stands still now; None: the attempt has ended meanwhile."""

    def settle(self, still: bool | None) -> None:
        """Answer whoever waits, if anybody does."""
        if not self.answer.done():
            self.answer.set_result(still)


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
    scouts: tuple[str, str, str] | None = None
    """The kind of runs of which it will show what those take that lie far beyond all that were seen."""
    fingerprint: str = ""
    """Of what runs: its simulation's file may have changed by the time it ends."""
    parameters: str | None = None
    """JSON; None for one that went on from a checkpoint: it takes less than others, nobody knows how much."""
    usual: float | None = None
    """Seconds that such a run usually takes, as far as that was learned by now."""
    pid: int | None = None
    identity: str | None = None
    executable: str | None = None
    outcome: Outcome | None = None
    """How it ended, as soon as that is known, until it is recorded."""
    ending: asyncio.Task[None] | None = None
    """What reads its result before that."""
    preparing: bool = False
    """Its folder is being filled or looked at; the agent does not know of it yet."""
    refused: bool = False
    """Its end could not be recorded yet."""
    progress: float | None = None
    message: str = ""
    first_progress: tuple[float, float] | None = None
    """How long it had run, ran_for(), when it first told how far it was; and how far."""
    course: Course = field(default_factory=Course)
    earlier: Sequence[Stage] | None = None
    """Stages of an earlier run; None until they were looked up."""
    done_at: float | None = None
    """How long it will have run, ran_for(), when it is done, where an earlier run had the same stages."""
    checkpoint_wall: float | None = None
    """Wall clock of the task's last checkpoint, of an earlier attempt too."""
    saved: float = 0.0
    """How long it had run when it wrote its last checkpoint, seconds as ran_for() counts them."""
    suspended: bool = False
    suspended_by: SuspendedBy | None = None
    """Who has it stand still. What the agent has not answered yet counts in WorkerHandle.suspended_by."""
    suspended_since: float | None = None
    stood_still: float = 0.0
    times_suspended: int = 0
    """How often the memory guard did it."""
    stop_reason: str | None = None
    ended_by: Step | None = None
    """The step of the memory guard that ends it."""
    output_size: int = 0
    last_sign: float = 0.0
    peak: int = 0
    files: int = 0
    """Bytes of files that one of its processes had mapped, at the most."""
    files_kept: int = 0
    """Bytes of files of which its group kept pages, at the most; 0 without a group."""
    weighed: tuple[float, int] | None = None
    """Awake time and memory of the sample before."""
    growth: float = 0.0
    """Bytes a second, over the last few samples."""
    level: Level = field(default_factory=Level)
    guessed: bool = False
    """Its claim is only the default, or was learned."""
    reckoned: int = 0
    """What it is reckoned with: its claim, or less where that is a guess and it has been level for long."""
    known_peak: int = 0
    """The largest peak of runs near it, as far as that is known."""
    cpu_seconds: float = 0.0
    core_use: CoreUse = field(default_factory=CoreUse)
    points: list[Point] = field(default_factory=list)
    sampled: float = 0.0
    """Awake time at which the last of them began."""
    spacing: float = 1.0
    use_kept: float = 0.0
    """When it was last written down what it used, as supervisor/usage.py does."""
    kept_until: float = 0.0
    """Wall clock of the last sample that was."""

    def __post_init__(self) -> None:
        self.reckoned = self.claim

    def note_sample(self, wall: float, awake: float, memory: int, cpu: float, cpu_seconds: float) -> None:
        """Keep a sample each `spacing` seconds of awake time: the one with most memory of that stretch."""
        self.peak = max(self.peak, memory)
        self.cpu_seconds = max(self.cpu_seconds, cpu_seconds)
        point = (wall, memory, cpu)
        if not self.points or awake - self.sampled >= self.spacing:
            self.points.append(point)
            self.sampled = awake
        elif memory > self.points[-1][1]:
            self.points[-1] = point
        if len(self.points) > MAX_POINTS:
            self.points = thin(self.points)
            self.spacing *= 2

    def note_growth(self, now: float, memory: int) -> None:
        """Follow how fast it grows, from one sample to the next; half of the figure is the latest stretch."""
        if self.weighed is not None and now - self.weighed[0] < SHORTEST_STRETCH:
            return
        if self.weighed is not None:
            latest = (memory - self.weighed[1]) / (now - self.weighed[0])
            self.growth = latest if self.growth == 0.0 else (self.growth + latest) / 2
        self.weighed = (now, memory)
        self.level.note(self.ran_for(now), self.peak, self.growth)

    @property
    def program(self) -> str:
        """Which kind of run of its simulation it is."""
        parameters = {} if self.parameters is None else msgspec.json.decode(self.parameters)
        return program_of(self.simulation, parameters)

    def learn(self, known: Footprint | None) -> None:
        """Follow what is known by now of runs like it."""
        self.usual = None if known is None else known.duration
        self.known_peak = known.peak if known is not None and known.near else 0

    def reckon(self, now: float) -> bool:
        """Settle what it is reckoned with; whether it is level, and its claim a guess."""
        level = self.guessed and self.level.is_level(self.ran_for(now), self.usual)
        self.reckoned = reckoned(self.claim, self.peak, self.known_peak) if level else self.claim
        if level:
            self.scouts = None
        return level

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
        left = self.told_left(now)
        if left is None and self.done_at is None and self.usual is not None:
            left = self.usual - self.ran_for(now)
            return left if left > 0 else None
        return left

    def told_left(self, now: float) -> float | None:
        """Seconds of awake time that it still takes by its own progress; None while that tells nothing."""
        if self.done_at is not None:
            left = self.done_at - self.ran_for(now)
            return left if left > 0 else None
        if self.progress is not None and self.first_progress is not None:
            since, at_first = self.first_progress
            gained = self.progress - at_first
            if gained > 0:
                return max(0.0, (1.0 - self.progress) * (self.ran_for(now) - since) / gained)
        return None


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
    group: Group | None = None
    """Where the kernel counts what it and its tasks hold, if it may."""
    most_before: int = 0
    """Bytes that the group had held at the most before the attempt."""
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
    told_to_leave: bool = False
    """Nothing may be sent to it any more. leaving: it takes no further task."""
    end_asked: bool = False
    """Its end is recorded, or about to be."""
    misheard: set[str] = field(default_factory=set)
    """Types of messages that a fault of ours kept from being handled, which was told once."""
    orders: list[StandOrder] = field(default_factory=list)
    """Those that the agent has not answered yet, the oldest first."""

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
    def may_reach(self) -> int:
        """Bytes that the tree may come to use, whatever it claims: its peak, and enough to go on while it is
        suspended for want of memory.
        """
        if self.attempt is None:
            return 0
        kept = reserve(self.attempt.reckoned, self.task_memory) if self.suspended_by == "guard" else 0
        return max(self.attempt.peak, kept)

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
        self.leaving = self.told_to_leave = True
        self.send("exit", grace=grace)

    def leave_if_drained(self) -> None:
        """Tell the agent to leave if it is drained and has nothing left to do."""
        if self.state is not WorkerState.DRAINING or self.attempt is not None or self.heartbeat is None:
            return
        if not (self.told_to_leave or self.gone):
            self.dismiss(EXIT_GRACE)

    @property
    def suspended_by(self) -> SuspendedBy | None:
        """Who has the attempt stand still once the agent has carried out what it was told."""
        if self.orders:
            return self.orders[-1].by if self.orders[-1].still else None
        return self.attempt.suspended_by if self.attempt is not None else None

    def order(self, still: bool, by: SuspendedBy) -> asyncio.Future[bool | None]:
        """Have the attempt stand still, or go on; what came of it, as StandOrder.answer says."""
        assert self.attempt is not None
        order = StandOrder(still, by, asyncio.get_running_loop().create_future())
        fence = {"task_id": self.attempt.task_id, "attempt": self.attempt.number}
        self.send("suspend" if still else "resume", **fence)
        self.orders.append(order)
        return order.answer

    def next_answered(self) -> StandOrder | None:
        """The order that the agent has just answered; None: it was not asked."""
        return self.orders.pop(0) if self.orders else None

    def deny(self) -> None:
        """Tell whoever waits for a suspend or a resume that the attempt has ended meanwhile."""
        waiting, self.orders = self.orders, []
        for order in waiting:
            order.settle(None)
