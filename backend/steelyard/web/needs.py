"""What the edge asks of the supervisor, and nothing more: the one seam between the two rooms.

The supervisor does not import this; mypy checks that it fits where `create_app` is called, and the fake of
the API tests is held to the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from io import BufferedReader
from typing import Any, Protocol

from steelyard.machine.loop_meter import Lag

Json = dict[str, Any]


class Needs(Protocol):
    """The supervisor as the edge sees it. Every method may raise SteelyardErrors; each becomes an answer."""

    @property
    def stopping(self) -> bool:
        """Whether the sidecar is on its way out."""
        ...

    # Workers

    def status(self) -> Json:
        """`GET /api/workers/status/`."""
        ...

    async def add_worker(self, force: bool = False) -> str:
        """Start one worker; its id."""
        ...

    async def add_workers(self, count: int, force: bool = False) -> list[str]:
        """Start several; the ids of those that were admitted."""
        ...

    async def drain_worker(self, worker_id: str | None = None) -> str:
        """Let a worker finish and leave; None takes the one that has run longest."""
        ...

    async def abort_worker(self, worker_id: str, confirm: bool = False) -> str:
        """End a worker and its tree now."""
        ...

    async def tick(self) -> dict[str, int]:
        """Run the checks that run anyway; the counts of `transitions`."""
        ...

    async def cleanup(self) -> int:
        """Take ended workers off the list; how many."""
        ...

    async def worker_log(self, worker_id: str, tail: int = ...) -> str:
        """The last `tail` characters of a worker's log."""
        ...

    # Tasks

    async def submit(self, specs: list[Json]) -> list[tuple[str, bool]]:
        """All or none; (task id, whether it is new) in the order given."""
        ...

    async def submit_sweep(self, spec: Json) -> tuple[str, list[str], bool]:
        """One task a scenario; (sweep id, task ids, whether it is new)."""
        ...

    async def sweeps(self, limit: int = ..., cursor: str | None = None) -> Json:
        """A page of sweeps, newest first."""
        ...

    def sweep(self, sweep_id: str) -> Json:
        """A sweep with the counts of its tasks."""
        ...

    async def cancel_sweep(self, sweep_id: str) -> int:
        """End all of its tasks that have not ended; how many."""
        ...

    async def retry_sweep(self, sweep_id: str, states: Sequence[str] | None = None) -> int:
        """Queue its failed and cancelled tasks again, or those of states; how many."""
        ...

    def task(self, task_id: str) -> Json:
        """A task as clients see it."""
        ...

    def tasks(self, filters: Json, limit: int = ..., cursor: str | None = None) -> Json:
        """A page of tasks, newest first."""
        ...

    async def find_tasks(self, filters: Json, limit: int = ..., cursor: str | None = None) -> Json:
        """The same for filters that may hold a search."""
        ...

    async def cancel(self, task_id: str) -> str:
        """End a task that has not ended."""
        ...

    async def retry(self, task_id: str, *, with_dependents: bool = False) -> list[str]:
        """Queue a task that failed or was cancelled once more, and who was rejected for it; the ids."""
        ...

    async def suspend(self, task_id: str) -> str:
        """Stop the growth of a running task."""
        ...

    async def resume(self, task_id: str) -> str:
        """Let a suspended task go on."""
        ...

    async def edit(self, task_id: str, changes: Json) -> str:
        """Change priority, label, memory or tags."""
        ...

    async def task_log(
        self, task_id: str, tail: int | None = None, offset: int | None = None, raw: bool = ...
    ) -> Json:
        """{"text", "offset", "size", "attempt"} of the last attempt's output."""
        ...

    async def task_files(self, task_id: str, names: Collection[str] = (), kind: str | None = None) -> Json:
        """{"files", "total", "truncated"}: a task's files, or those of these names, of this kind."""
        ...

    async def open_task_file(self, task_id: str, file_id: str) -> tuple[BufferedReader, Json]:
        """The file with that id, open, and its entry in the list; NotFound for anything that is not in it."""
        ...

    def samples(self, task_id: str) -> list[Json]:
        """Memory and CPU over time."""
        ...

    # The rest

    def simulations(self) -> Json:
        """Every simulation, with its JSON Schema, and the files that hold none."""
        ...

    def simulation(self, name: str) -> Json:
        """One of them."""
        ...

    async def pause_queue(self) -> str | None:
        """Let nothing new start; who holds the queue now: "user", "battery", None."""
        ...

    async def resume_queue(self) -> str | None:
        """Let waiting tasks start again; who holds the queue now."""
        ...

    async def startup(self) -> Json:
        """What the first page asks a person."""
        ...

    async def answer_startup(self, choice: str) -> Json:
        """The person's answer, once a launch."""
        ...

    def events(self, since: int, limit: int) -> Json:
        """A page of the event log, oldest first."""
        ...

    async def forecast(self) -> Json:
        """When the queue is done, with 1, 2, ... workers, and what bounds it."""
        ...

    async def usually(self, simulation: str, parameters: Json) -> Json | None:
        """What a run of these parameters is expected to take; None: nobody knows."""
        ...

    def system(self) -> Json:
        """What machine and program this is."""
        ...

    def lag(self) -> Lag:
        """How long the event loop was busy at one go."""
        ...

    def refusal(self, error: sqlite3.Error) -> Exception:
        """What a request is told whose read met this error of the database."""
        ...

    def storage(self) -> Json:
        """Whether the database takes changes now."""
        ...

    def sidecar_log(self, tail: int) -> str:
        """The last `tail` characters of the sidecar's own log."""
        ...

    def preferences_view(self) -> Json:
        """Values, sources and schema."""
        ...

    async def change_preferences(self, patch: Json) -> Json:
        """Change some; the new view."""
        ...

    # What is pushed

    def listen(self, listener: Callable[[Json], None]) -> Callable[[], None]:
        """Call the listener with every message, as the WebSocket has it, until the answer is called."""
        ...

    def watch_log(self, task_id: str) -> None:
        """Somebody follows a task's output: send it. NotFound if there is no such task."""
        ...

    def unwatch_log(self, task_id: str) -> None:
        """Nobody follows it any more."""
        ...

    def last_seq(self) -> int:
        """The number of the latest stored event; 0 before the first."""
        ...

    def replay(self, since: int) -> Iterator[list[Json]] | None:
        """Every stored message after `since`, as it was pushed, in pages; None if not all are kept."""
        ...
