"""The supervisor: the one door to the yard for the web edge and the command line.

The verbs beside it do the work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from io import BufferedReader
from typing import Any

from steelyard.machine.loop_meter import Lag
from steelyard.rules.states import TaskState
from steelyard.store import events, tasks
from steelyard.supervisor import (
    forecasting,
    outputs,
    pausing,
    startup,
    submission,
    sweep_actions,
    system,
    task_actions,
    task_views,
    views,
    worker_end,
    workers,
)
from steelyard.supervisor.feed import Listener, Message
from steelyard.supervisor.life import Life
from steelyard.supervisor.yard import Yard


class Supervisor(Life):
    """What clients may ask for. A method that changes something returns after its commit, or raises a
    SteelyardError.
    """

    def __init__(self, yard: Yard) -> None:
        super().__init__(yard)
        self._forecasts = forecasting.Forecasts()

    # workers

    def status(self) -> dict[str, Any]:
        """`GET /api/workers/status/`; no side effects."""
        return views.status(self._yard)

    async def add_worker(self, force: bool = False) -> str:
        """Start one worker; its id. InsufficientMemory, NoCores (force overrides both), AtCapacity."""
        [worker_id] = await self.add_workers(1, force)
        return worker_id

    async def add_workers(self, count: int, force: bool = False) -> list[str]:
        """Start up to count workers, as far as they are admitted; raises what forbids the first."""
        first = await workers.add(self._yard, force)
        added = [first, *await workers.add_as_admitted(self._yard, count - 1, force=force)]
        workers.settle(self._yard, len(added))
        return added

    async def drain_worker(self, worker_id: str | None = None) -> str:
        """Drain a worker, or the one that has run longest; its id. NotFound, Conflict."""
        drained = await workers.drain(self._yard, worker_id)
        workers.settle(self._yard)
        return drained

    async def abort_worker(self, worker_id: str, confirm: bool = False) -> str:
        """End a worker and its task's tree, and wait for it. ConfirmationRequired, NotFound, Conflict."""
        aborted = await workers.abort(self._yard, worker_id, confirm)
        workers.settle(self._yard)
        return aborted

    async def worker_log(self, worker_id: str, tail: int = 10_000) -> str:
        """The last `tail` characters of a worker's log. NotFound, Unanswered."""
        return await outputs.worker_log(self._yard, worker_id, tail)

    async def tick(self) -> dict[str, int]:
        """Run the checks that run anyway; how many workers and tasks each of them changed."""
        yard = self._yard
        before = tasks.counts(yard.database).get(TaskState.RUNNING, 0)
        late, dead = worker_end.check(yard)
        cleaned = await workers.cleanup(yard, yard.settings.worker_cleanup_age)
        requeued = before - tasks.counts(yard.database).get(TaskState.RUNNING, 0) if dead else 0
        yard.hurry()
        return {
            "failed_on_timeout": late,
            "marked_dead": dead,
            "cleaned_up": len(cleaned),
            "tasks_requeued": max(0, requeued),
        }

    async def cleanup(self) -> int:
        """Take every ended worker off the list now; how many. Rows and logs stay."""
        return len(await workers.cleanup(self._yard, 0.0))

    # tasks

    async def submit(self, specs: list[dict[str, Any]]) -> list[tuple[str, bool]]:
        """Queue tasks, all or none; (task id, new) for each. See supervisor.submission."""
        return await submission.submit(self._yard, specs)

    async def submit_sweep(self, spec: dict[str, Any]) -> submission.SubmittedSweep:
        """Queue a sweep: (sweep id, task ids, new). See supervisor.submission."""
        return await submission.submit_sweep(self._yard, spec)

    async def sweeps(self, limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        """One page of sweeps, newest first. InvalidRequest for a cursor that is none."""
        return await sweep_actions.page(self._yard, limit, cursor)

    def sweep(self, sweep_id: str) -> dict[str, Any]:
        """A sweep with the counts of its tasks. NotFound."""
        return sweep_actions.one(self._yard, sweep_id)

    async def cancel_sweep(self, sweep_id: str) -> int:
        """End every task of a sweep that waits or runs; how many. NotFound."""
        return await sweep_actions.cancel(self._yard, sweep_id)

    async def retry_sweep(self, sweep_id: str, states: Sequence[str] | None = None) -> int:
        """Queue its failed and cancelled tasks again, or those in one of states; how many. NotFound."""
        chosen = sweep_actions.RETRIED if states is None else tuple(TaskState(one) for one in states)
        return await sweep_actions.retry(self._yard, sweep_id, chosen)

    def task(self, task_id: str) -> dict[str, Any]:
        """A task as clients see it. NotFound."""
        return task_views.one(self._yard, task_id)

    def tasks(self, filters: dict[str, Any], limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
        """One page of tasks, newest first. InvalidRequest for a cursor that is none."""
        return task_views.page(self._yard, filters, limit, cursor)

    async def find_tasks(
        self, filters: dict[str, Any], limit: int = 100, cursor: str | None = None
    ) -> dict[str, Any]:
        """The same for filters that may hold a search (`q`), which is made beside the loop."""
        return await task_views.find(self._yard, filters, limit, cursor)

    async def cancel(self, task_id: str) -> str:
        """Cancel a waiting or running task. NotFound, Conflict."""
        return await task_actions.cancel(self._yard, task_id)

    async def retry(self, task_id: str, *, with_dependents: bool = False) -> list[str]:
        """Queue a failed or cancelled task again, or also its dependents; the ids. NotFound, Conflict."""
        return await task_actions.retry(self._yard, task_id, with_dependents=with_dependents)

    async def suspend(self, task_id: str) -> str:
        """Stop the growth of a running task; its memory stays taken. NotFound, Conflict."""
        return await task_actions.suspend(self._yard, task_id, True)

    async def resume(self, task_id: str) -> str:
        """Let a suspended task go on. NotFound, Conflict."""
        return await task_actions.suspend(self._yard, task_id, False)

    async def edit(self, task_id: str, changes: dict[str, Any]) -> str:
        """Change priority, label, memory, tags. NotFound, Conflict, WillNeverFit, InvalidRequest."""
        return await task_actions.edit(self._yard, task_id, changes)

    async def task_log(
        self, task_id: str, tail: int | None = None, offset: int | None = None, raw: bool = False
    ) -> dict[str, Any]:
        """Output of the task's last attempt. NotFound."""
        return await outputs.log(self._yard, task_id, tail, offset, raw)

    async def task_files(
        self, task_id: str, names: Collection[str] = (), kind: str | None = None
    ) -> dict[str, Any]:
        """The files of a task's attempts; names, kind: only those. NotFound."""
        return await outputs.files(self._yard, task_id, names, kind)

    async def open_task_file(self, task_id: str, file_id: str) -> tuple[BufferedReader, dict[str, Any]]:
        """A listed file, open for reading, and what the list says of it. NotFound."""
        return await outputs.open_file(self._yard, task_id, file_id)

    def samples(self, task_id: str) -> list[dict[str, Any]]:
        """Memory and CPU of the task's attempts over time. NotFound."""
        return task_views.samples(self._yard, task_id)

    # the rest

    async def pause_queue(self) -> str | None:
        """Let nothing new start until a person resumes; who holds the queue now. See supervisor.pausing."""
        return await pausing.pause(self._yard)

    async def resume_queue(self) -> str | None:
        """Let waiting tasks start again; who holds the queue now."""
        return await pausing.resume(self._yard)

    def power_changed(self) -> None:
        """The machine was suspended or woke, or went to or from its battery: look at once."""
        self._yard.battery_read = None
        self._yard.hurry()

    def users_environment(
        self, variables: Mapping[str, str], source: str, left_out: Sequence[str], note: str | None
    ) -> None:
        """The user's variables, for tasks that start from now on."""
        self._yard.users.take(variables, source, left_out, note)
        self._yard.hurry()

    def simulations(self) -> dict[str, Any]:
        """Every simulation that can be submitted, and the files that could not be read."""
        return system.simulations(self._yard)

    def simulation(self, name: str) -> dict[str, Any]:
        """One simulation with its JSON Schema. NotFound."""
        return system.simulation(self._yard, name)

    async def startup(self) -> dict[str, Any]:
        """What the first page asks."""
        return await startup.question(self._yard)

    async def answer_startup(self, choice: str) -> dict[str, Any]:
        """A person's answer, once a launch. Conflict, and what forbids a worker."""
        return await startup.answer(self._yard, choice)

    async def forecast(self) -> dict[str, Any]:
        """When the queue is done, with 1, 2, ... workers. See supervisor.forecasting."""
        return await self._forecasts.view(self._yard)

    async def usually(self, simulation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        """What a run of these parameters is expected to take; None: nobody knows. NotFound."""
        return await system.usually(self._yard, simulation, parameters)

    def system(self) -> dict[str, Any]:
        """Versions, machine, paths, and what is admitted."""
        return system.system(self._yard)

    def lag(self) -> Lag:
        """How long the event loop was busy at one go."""
        return self._yard.meter.read()

    def refusal(self, error: sqlite3.Error) -> Exception:
        """What a request is told whose read met this error: StorageFull, or the error if it is ours."""
        return self._yard.database.condition.told(error)

    def storage(self) -> dict[str, Any]:
        """Whether the database takes changes now: {"state": "ok" or what is wrong, "message", "since"}."""
        return views.storage(self._yard)

    def sidecar_log(self, tail: int) -> str:
        """The last `tail` characters of the sidecar's own log."""
        return outputs.sidecar_log(self._yard, tail)

    def preferences_view(self) -> dict[str, Any]:
        """Values, sources and schema of the preferences."""
        return system.preferences(self._yard)

    async def change_preferences(self, patch: dict[str, Any]) -> dict[str, Any]:
        """Change preferences; takes effect for new workers.

        InvalidRequest, Conflict for what the environment fixes.
        """
        return system.change_preferences(self._yard, patch)

    # news

    def events(self, since: int, limit: int) -> dict[str, Any]:
        """The event log after `since`, oldest first."""
        found = events.since(self._yard.database, since, limit + 1)
        more = len(found) > limit
        return {
            "events": [event.view() for event in found[:limit]],
            "next": found[limit - 1].seq if more else None,
        }

    def last_seq(self) -> int:
        """The number of the last stored change."""
        return self._yard.feed.last_seq

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear every message as the WebSocket carries it, until the returned function is called."""
        return self._yard.feed.listen(listener)

    def replay(self, since: int) -> Iterator[list[Message]] | None:
        """Stored messages after `since`, in pages; None when a snapshot must serve."""
        return self._yard.feed.replay(since)

    def watch_log(self, task_id: str) -> None:
        """Send `log` messages of a task from its present end on, to however many follow it."""
        outputs.watch(self._yard, task_id)

    def unwatch_log(self, task_id: str) -> None:
        """One follower less."""
        outputs.unwatch(self._yard, task_id)
