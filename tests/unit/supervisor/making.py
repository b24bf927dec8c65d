"""A yard with a real database in a folder, and everything else made up: clocks, memory, processes."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from steelyard.machine import identity
from steelyard.machine.memory import MemoryReading
from steelyard.machine.paths import DataDirectory
from steelyard.machine.processes import TreeUse
from steelyard.rules.battery import Charge
from steelyard.rules.states import WorkerState
from steelyard.settings import environment
from steelyard.settings.preferences import Preferences
from steelyard.settings.simulations import BUNDLED, Catalogue
from steelyard.store import claims, workers
from steelyard.store.database import Database
from steelyard.supervisor import spawn, submission, views
from steelyard.supervisor.feed import Feed
from steelyard.supervisor.scale import Scale
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard
from tests.fakes.clocks import FakeClocks

GIB = 2**30


class NoTrees:
    """A sampler that finds nothing."""

    rest = 0.0

    def sample(self, roots: dict[str, int], counted: Collection[str] = ()) -> dict[str, TreeUse]:
        return {}

    def wants_closer_look(self, *, in_need: bool = False) -> bool:
        return False

    def look_closer(self) -> None:
        raise AssertionError("nobody wanted it")


@dataclass
class Machine:
    """What the scale weighs; a test changes it at will."""

    total: int = 16 * GIB
    available: int = 12 * GIB
    charge: Charge | None = None

    def probe(self) -> MemoryReading:
        return MemoryReading(self.total, self.available)


@dataclass
class Pipe:
    """The standard input of an agent that is not there."""

    worker_id: str
    sent: list[tuple[str, dict[str, Any]]]

    def write(self, line: bytes) -> None:
        self.sent.append((self.worker_id, json.loads(line)))

    def is_closing(self) -> bool:
        return False


@dataclass
class Process:
    """A process that nothing here ends: it has the PID of the tests themselves, and counts as ended."""

    stdin: Pipe
    pid: int = os.getpid()
    returncode: int = 0


@dataclass
class Made:
    """A yard, and what a test does to it."""

    yard: Yard
    clocks: FakeClocks
    machine: Machine
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Worker id and message, for every message to an agent."""

    async def submit(self, *argv: str, **more: Any) -> str:
        spec = {"simulation": "command", "parameters": {"argv": list(argv) or ["true"]}, **more}
        [(task_id, _)] = await submission.submit(self.yard, [spec])
        return task_id

    async def worker(self, state: WorkerState = WorkerState.RUNNING, queue: str = "default") -> WorkerHandle:
        """A worker without a process, in its row and among the handles."""
        number = len(workers.listed(self.yard.database))
        handle = spawn.new_handle(self.yard, f"worker{number:02}", queue=queue, forced=False)
        handle.process = cast("asyncio.subprocess.Process", Process(Pipe(handle.worker_id, self.sent)))
        handle.identity = identity.identity_of(os.getpid())
        await self.yard.database.change(
            lambda change: workers.insert(
                change,
                worker_id=handle.worker_id,
                queue=queue,
                started_at=handle.started_wall,
                forced=False,
                view=views.worker(self.yard, handle),
            )
        )
        if state is not WorkerState.STARTING:
            handle.heartbeat, handle.heartbeat_wall = self.clocks.awake(), self.clocks.wall()
            await self.yard.database.change(
                lambda change: workers.move(change, handle.worker_id, handle.state, WorkerState.RUNNING, {})
            )
            handle.state = WorkerState.RUNNING
        self.yard.handles[handle.worker_id] = handle
        return handle

    async def attempt(self, handle: WorkerHandle, task_id: str, claim: int = GIB) -> RunningAttempt:
        """Claim a task for a worker, as the dispatcher does."""
        now = self.clocks.awake()
        number = await self.yard.database.change(
            lambda change: claims.claim(change, task_id, handle.worker_id, self.clocks.wall())
        )
        assert number is not None
        handle.attempt = RunningAttempt(
            task_id=task_id,
            number=number,
            simulation="command",
            label="",
            claim=claim,
            claim_source="default",
            cores=1,
            started=now,
            started_wall=self.clocks.wall(),
            last_sign=now,
        )
        return handle.attempt


def make(folder: Path, **environ: str) -> Made:
    """Call it inside a running loop; the database is closed by who asked for it."""
    clocks, machine = FakeClocks(), Machine()
    data = DataDirectory(folder / "data")
    data.prepare()
    database = Database.open(data.database, clocks, lambda name, detail: None)
    settings = {"WORKER_MEMORY_GUARD": str(2 * GIB), "WORKER_CORES": "8", **environ}
    preferences = Preferences(data.preferences, clocks.wall)
    preferences.read()
    yard = Yard(
        database=database,
        data=data,
        catalogue=Catalogue([BUNDLED, data.simulations]),
        preferences=preferences,
        read_settings=lambda: environment.load(settings, preferences.stated),
        clocks=clocks,
        scale=Scale(machine.probe, NoTrees(), 8),
        feed=Feed(database),
        rng=random.Random(1),
        battery=lambda: machine.charge,
    )
    return Made(yard, clocks, machine)
