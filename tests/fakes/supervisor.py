"""A supervisor without processes, database or machine: enough of one for the edge to be tried against.

Held to `web.needs.Needs` by mypy. What a test wants to see happen it sets: `refuse`, `slow`, `say()`.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from steelyard.machine.loop_meter import Lag
from steelyard.machine.regular_files import Unreadable, open_regular
from steelyard.rules.errors import ConfirmationRequired, Conflict, InvalidRequest, NotFound, SteelyardError
from steelyard.rules.timestamps import iso
from steelyard.store.faults import while_running

Json = dict[str, Any]
GIB = 2**30


class FakeSupervisor:
    """Tasks and workers as plain dictionaries; every change is an event, kept for ever."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Json], None]] = []
        self.forget()

    def forget(self) -> None:
        """As at the start, but for those who listen."""
        self.stopping = False
        self.paused: str | None = None
        self.refuse: Exception | None = None
        """Raised by whatever is called next, until it is None again."""
        self.workers: dict[str, Json] = {}
        self.submitted: dict[str, Json] = {}
        self.files: dict[str, Path] = {}
        self.stored: list[Json] = []
        self.watched: set[str] = set()
        self.oldest_kept = 0
        self.calls: list[str] = []

    # what a test does

    def say(self, type_: str, **fields: Any) -> None:
        """A message to whoever listens; worker, task and prompt are stored and get the next number."""
        stored = type_ in ("worker", "task", "prompt")
        message = {"type": type_, "seq": self.last_seq() + stored, **fields}
        if stored:
            self.stored.append(message)
        for listener in list(self._listeners):
            listener(message)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.refuse is not None:
            raise self.refuse

    # workers

    def status(self) -> Json:
        self._called("status")
        limits = {
            "admissible": 4,
            "active": len(self.workers),
            "can_add": True,
            "no_capacity": False,
            "hard_cap": 4,
        }
        figures = {
            "physical_cores": 8,
            "peak_per_worker": 8 * GIB,
            "next_claim": None,
            "next_fits": None,
            "bound_by": "memory",
        }
        memory = {
            "total": 64 * GIB,
            "available": 40 * GIB,
            "used": 24 * GIB,
            "percent": 37.5,
            "guard": 6 * GIB,
        }
        return {
            "workers": list(self.workers.values()),
            "limits": {**limits, **figures},
            "memory": {**memory, "pressure": "normal"},
            "queue": {
                "pending": len(self.submitted),
                "running": 0,
                "succeeded": 0,
                "failed": 0,
                "cancelled": 0,
                "paused": self.paused,
            },
            "seq": self.last_seq(),
        }

    async def add_worker(self, force: bool = False) -> str:
        self._called(f"add_worker({force})")
        worker_id = secrets.token_hex(4)
        self.workers[worker_id] = {"worker_id": worker_id, "state": "RUNNING", "forced": force, "task": None}
        self.say("worker", worker=self.workers[worker_id])
        return worker_id

    async def add_workers(self, count: int, force: bool = False) -> list[str]:
        return [await self.add_worker(force) for _ in range(count)]

    async def drain_worker(self, worker_id: str | None = None) -> str:
        self._called(f"drain_worker({worker_id})")
        found = worker_id or next(iter(self.workers), None)
        if found not in self.workers:
            raise NotFound("There is no such worker.")
        return found

    async def abort_worker(self, worker_id: str, confirm: bool = False) -> str:
        self._called(f"abort_worker({confirm})")
        if worker_id not in self.workers:
            raise NotFound("There is no such worker.")
        if not confirm:
            raise ConfirmationRequired("An abort loses work.")
        return worker_id

    async def tick(self) -> dict[str, int]:
        self._called("tick")
        return {"failed_on_timeout": 0, "marked_dead": 0, "cleaned_up": 0, "tasks_requeued": 0}

    async def cleanup(self) -> int:
        self._called("cleanup")
        return 0

    async def worker_log(self, worker_id: str, tail: int = 10_000) -> str:
        self._called(f"worker_log({tail})")
        if worker_id not in self.workers:
            raise NotFound("There is no such worker.")
        return "started\n"[-tail:]

    # the queue

    async def pause_queue(self) -> str | None:
        self._called("pause_queue")
        self.paused = "user"
        return self.paused

    async def resume_queue(self) -> str | None:
        self._called("resume_queue")
        self.paused = None
        return self.paused

    # tasks

    async def submit(self, specs: list[Json]) -> list[tuple[str, bool]]:
        self._called("submit")
        return [self._submit_one(spec) for spec in specs]

    def _submit_one(self, spec: Json) -> tuple[str, bool]:
        if spec.get("key") is not None:
            for task_id, known in self.submitted.items():
                if known.get("key") == spec["key"]:
                    return task_id, False
        task_id = secrets.token_hex(6)
        self.submitted[task_id] = {"label": "", **spec, "task_id": task_id, "state": "READY"}
        self.say("task", task=self.submitted[task_id])
        return task_id, True

    async def submit_sweep(self, spec: Json) -> tuple[str, list[str], bool]:
        self._called("submit_sweep")
        rows = spec.get("rows") or [{}]
        made = await self.submit([{"simulation": spec["simulation"], "parameters": row} for row in rows])
        return secrets.token_hex(6), [task_id for task_id, _ in made], True

    async def sweeps(self, limit: int = 100, cursor: str | None = None) -> Json:
        self._called(f"sweeps({limit}, {cursor})")
        if cursor is not None:
            raise InvalidRequest("This is no cursor.")
        return {"sweeps": [], "next": None}

    def sweep(self, sweep_id: str) -> Json:
        raise NotFound(f"There is no sweep {sweep_id}.")

    async def cancel_sweep(self, sweep_id: str) -> int:
        self._called(f"cancel_sweep({sweep_id})")
        return 0

    async def retry_sweep(self, sweep_id: str, states: Sequence[str] | None = None) -> int:
        self._called(f"retry_sweep({sweep_id}, {states})")
        return 0

    def task(self, task_id: str) -> Json:
        self._called("task")
        if task_id not in self.submitted:
            raise NotFound(f"There is no task {task_id}.")
        return self.submitted[task_id]

    def tasks(self, filters: Json, limit: int = 100, cursor: str | None = None) -> Json:
        self._called(f"tasks({filters}, {limit}, {cursor})")
        if cursor is not None:
            raise InvalidRequest("This is no cursor.")
        found = list(self.submitted.values())[::-1]
        return {"tasks": found[:limit], "next": None, "total": len(found), "counts": {}}

    async def find_tasks(self, filters: Json, limit: int = 100, cursor: str | None = None) -> Json:
        return self.tasks(filters, limit, cursor)

    async def cancel(self, task_id: str) -> str:
        if self.task(task_id)["state"] != "READY":
            raise Conflict("It has ended.")
        self.submitted[task_id]["state"] = "CANCELLED"
        self.say("task", task=self.submitted[task_id])
        return task_id

    async def retry(self, task_id: str, *, with_dependents: bool = False) -> list[str]:
        self._called(f"retry({with_dependents})")
        return [str(self.task(task_id)["task_id"])]

    async def suspend(self, task_id: str) -> str:
        return str(self.task(task_id)["task_id"])

    async def resume(self, task_id: str) -> str:
        return str(self.task(task_id)["task_id"])

    async def edit(self, task_id: str, changes: Json) -> str:
        self.task(task_id).update(changes)
        return task_id

    async def task_log(
        self, task_id: str, tail: int | None = None, offset: int | None = None, raw: bool = False
    ) -> Json:
        self._called(f"task_log({tail}, {offset})")
        self.task(task_id)
        return {"text": "", "offset": offset or 0, "size": 0, "attempt": 1}

    async def task_files(self, task_id: str, names: Collection[str] = (), kind: str | None = None) -> Json:
        self.task(task_id)
        found = [self._file(file_id) for file_id in self.files]
        return {"files": found, "total": len(found), "truncated": False}

    async def open_task_file(self, task_id: str, file_id: str) -> tuple[BufferedReader, Json]:
        self._called("open_task_file")
        if task_id not in self.submitted or file_id not in self.files:
            raise NotFound("There is no such file.")
        try:
            return open_regular(self.files[file_id]), self._file(file_id)
        except Unreadable:
            raise NotFound("The file is not there any more.") from None

    def _file(self, file_id: str) -> Json:
        path = self.files[file_id]
        return {
            "id": file_id,
            "name": path.name,
            "size": path.stat().st_size,
            "attempt": 1,
            "kind": "other",
            "modified_at": iso(path.stat().st_mtime),
        }

    def samples(self, task_id: str) -> list[Json]:
        self.task(task_id)
        return []

    # the rest

    def simulations(self) -> Json:
        return {"simulations": [self.simulation("command")], "errors": []}

    def simulation(self, name: str) -> Json:
        if name != "command":
            raise NotFound("There is no such simulation.")
        return {"name": name, "title": "Any program", "run": {"manner": "side by side", "why": None}}

    async def startup(self) -> Json:
        return {"workers": 0, "prompt": None, "need": None, "headroom": None, "closable": None}

    async def answer_startup(self, choice: str) -> Json:
        self._called(f"answer_startup({choice})")
        return {"status": "success", "worker_id": None}

    def events(self, since: int, limit: int) -> Json:
        self._called(f"events({since}, {limit})")
        found = [{"seq": one["seq"]} for one in self.stored if one["seq"] > since]
        return {"events": found[:limit], "next": found[limit - 1]["seq"] if len(found) > limit else None}

    def refusal(self, error: sqlite3.Error) -> Exception:
        return while_running(error)

    async def forecast(self) -> Json:
        return {
            "remaining": 0,
            "able": 0,
            "unknown": 0,
            "workers": 0,
            "paused": self.paused,
            "outlooks": [],
            "waiting": [],
        }

    async def usually(self, simulation: str, parameters: Json) -> Json | None:
        self.simulation(simulation)
        return None

    def system(self) -> Json:
        return {"version": "0"}

    def lag(self) -> Lag:
        return Lag(0.005, 0.12, 0.1, 0.3, 1, (90, *[0] * 5, 4, 5, 1, *[0] * 4), 1.5)

    def storage(self) -> Json:
        return {"state": "ok", "message": None, "since": None}

    def sidecar_log(self, tail: int) -> str:
        return "started\n"[-tail:]

    def preferences_view(self) -> Json:
        return {"values": {}}

    async def change_preferences(self, patch: Json) -> Json:
        self._called(f"change_preferences({patch})")
        return {"values": patch}

    # what is pushed

    def listen(self, listener: Callable[[Json], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def watch_log(self, task_id: str) -> None:
        self.task(task_id)
        self.watched.add(task_id)

    def unwatch_log(self, task_id: str) -> None:
        self.watched.remove(task_id)

    def last_seq(self) -> int:
        return int(self.stored[-1]["seq"]) if self.stored else 0

    def replay(self, since: int) -> Iterator[list[Json]] | None:
        if since < self.oldest_kept:
            return None
        missed = [one for one in self.stored if one["seq"] > since]
        return (missed[start : start + 2] for start in range(0, len(missed), 2))


class Unexpected(SteelyardError):
    """A refusal that no table knows."""
