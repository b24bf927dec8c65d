"""What the supervisor's verbs share: the collaborators that were passed in, and the live workers."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steelyard.machine.clocks import Clocks
from steelyard.machine.loop_meter import LoopMeter
from steelyard.machine.paths import DataDirectory
from steelyard.machine.task_groups import Groups
from steelyard.rules.battery import Charge
from steelyard.rules.ladder import Ladder
from steelyard.rules.pause import Pause
from steelyard.rules.reasons import Waiting
from steelyard.rules.recent import Recent
from steelyard.rules.workspace import Known
from steelyard.settings.environment import Settings
from steelyard.settings.preferences import Preferences
from steelyard.settings.simulations import Catalogue
from steelyard.store.database import Change, Database
from steelyard.supervisor.behind import Behind
from steelyard.supervisor.departure import Departure
from steelyard.supervisor.feed import Feed
from steelyard.supervisor.file_lists import FileLists
from steelyard.supervisor.learning import Learning
from steelyard.supervisor.scale import Scale
from steelyard.supervisor.users import UsersEnvironment
from steelyard.supervisor.worker_handle import WorkerHandle

if TYPE_CHECKING:
    from steelyard.supervisor.workspaces import Workspace

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WatchedLog:
    """A log that is followed: by how many, and from which byte on they want it."""

    offset: int
    followers: int = 0


@dataclass(slots=True, eq=False)
class Yard:
    """The yard that every verb of this package works in; nothing outside the package touches it."""

    database: Database
    data: DataDirectory
    catalogue: Catalogue
    preferences: Preferences
    read_settings: Callable[[], Settings]
    clocks: Clocks
    scale: Scale
    feed: Feed
    rng: random.Random
    groups: Groups | None = None
    """Where workers get groups of their own; None: nowhere."""
    battery: Callable[[], Charge | None] = lambda: None
    meter: LoopMeter = field(default_factory=LoopMeter)
    users: UsersEnvironment = field(default_factory=UsersEnvironment)
    settings: Settings = field(init=False)
    started_at: float = field(init=False)
    handles: dict[str, WorkerHandle] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    departure: Departure = field(init=False)
    learning: Learning = field(init=False)
    file_lists: FileLists = field(init=False)
    stopping: bool = False
    answered: bool = False
    crashes_in_a_row: int = 0
    owed: int = 0
    """Workers that are to be there and are not: they crashed, or memory had no room for them at the start."""
    owed_again: float = 0.0
    """Awake time before which those are not tried again."""
    pause: Pause = field(default_factory=Pause)
    battery_read: float | None = None
    ladder: Ladder = field(default_factory=Ladder)
    sweep_due: bool = False
    unrecorded: list[Callable[[], None]] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    behind: Behind = field(default_factory=Behind)
    free_lately: Recent = field(default_factory=Recent)
    """Bytes of headroom without any task of ours."""
    watched_logs: dict[str, WatchedLog] = field(default_factory=dict)
    helper_folder: str = ""
    known: dict[str, Known] = field(default_factory=dict)
    """What runs of simulations that state no workspace showed, by simulation."""
    workspaces: dict[tuple[str, int], Workspace] = field(default_factory=dict)
    """By attempt, from before its start until it is tidied up."""
    errands: set[asyncio.Task[object]] = field(default_factory=set)
    lost: Callable[[str], None] = lambda why: log.critical("Steelyard is broken: %s", why)
    """Tell that it cannot go on and has to be started anew."""

    def __post_init__(self) -> None:
        self.settings = self.read_settings()
        self.departure = Departure(self.clocks.monotonic)
        self.learning = Learning(self.database, self.catalogue, self.scale)
        self.file_lists = FileLists(self.clocks.awake)
        self.started_at = self.clocks.wall()

    @property
    def leaving(self) -> bool:
        """Whether no worker is started and no task taken any more: it drains, or stops."""
        return self.departure.mode is not None

    def note(self, apply: Callable[[Change], object], step: str = "") -> None:
        """Write what nobody waits for; when the disk refuses it, the log says so and the work goes on."""

        def told(future: asyncio.Future[object]) -> None:
            if not future.cancelled() and future.exception() is not None:
                log.warning("something could not be noted: %s", future.exception())

        self.database.change(apply, step).add_done_callback(told)

    def hurry(self) -> None:
        """Ask for a turn now instead of at the next beat."""
        self.wake.set()

    def idle(self) -> list[WorkerHandle]:
        """Workers that could take a task, the longest-lived first."""
        return sorted((h for h in self.handles.values() if h.idle), key=lambda h: h.started)

    def holder(self, task_id: str) -> WorkerHandle | None:
        """The worker that runs a task now."""
        for handle in self.handles.values():
            if handle.attempt is not None and handle.attempt.task_id == task_id:
                return handle
        return None
