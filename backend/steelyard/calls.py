"""Every route of a sidecar as one method: one call, one request, one answer.

The client is built on it; whatever takes more than one request (waiting, following, pages) stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from steelyard.answers import File, LogText, Simulation, Startup, Status, Sweep, Task, TaskPage
from steelyard.connection import Connection, given, segment


class Calls:
    """The routes, over a connection. Ids are whole; a refusal is raised as the SteelyardError of its code."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # Workers

    def status(self) -> Status:
        """Workers, limits, memory and queue, at one moment."""
        return cast(Status, self.connection.get("/api/workers/status/"))

    def add_worker(self, *, force: bool = False) -> str:
        """Start a worker; its id. InsufficientMemory and NoCores yield to force, AtCapacity does not."""
        return str(self.connection.post("/api/workers/add/", {"force": force})["worker_id"])

    def add_workers(self, count: int, *, force: bool = False) -> list[str]:
        """Start several workers; the ids of those that were admitted."""
        answer = self.connection.post("/api/workers/add-many/", {"count": count, "force": force})
        return [str(worker_id) for worker_id in answer["worker_ids"]]

    def drain(self, worker_id: str | None = None) -> str:
        """Let a worker finish its task and leave (without an id the one that has run longest); its id."""
        path = "/api/workers/drain/" if worker_id is None else f"/api/workers/{segment(worker_id)}/drain/"
        return str(self.connection.post(path)["worker_id"])

    def abort(self, worker_id: str, *, confirm: bool = False) -> str:
        """End a worker and its task at once; its id. ConfirmationRequired without confirm."""
        path = f"/api/workers/{segment(worker_id)}/abort/"
        return str(self.connection.post(path, {"confirm": confirm})["worker_id"])

    def cleanup(self) -> Any:
        """Take the ended workers off the list; their rows and logs stay until retention removes them."""
        return self.connection.post("/api/workers/cleanup/")

    def worker_log(self, worker_id: str, *, tail: int | None = None) -> str:
        """A worker's own log, the last `tail` characters of it."""
        answer = self.connection.get(f"/api/workers/{segment(worker_id)}/log/", tail=tail)
        return str(answer["text"])

    # Tasks

    def submit(
        self,
        simulation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        label: str | None = None,
        priority: int | None = None,
        memory: int | str | None = None,
        timeout: float | str | None = None,
        attempts: int | None = None,
        queue: str | None = None,
        not_before: str | None = None,
        after: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        key: str | None = None,
        force: bool | None = None,
    ) -> str:
        """Queue one task; its id. The same `key` again answers with the task that has it.

        memory: the claim, bytes or "8GiB"; timeout: seconds of awake time or "48h"; not_before: ISO-8601;
        after: ids of tasks that must succeed first. InvalidParameters names each wrong parameter;
        WillNeverFit: the claim is larger than this machine could ever give (force queues it all the same).
        """
        body = {
            "simulation": simulation,
            "parameters": dict(parameters or {}),
            "label": label,
            "priority": priority,
            "memory": memory,
            "timeout": timeout,
            "attempts": attempts,
            "queue": queue,
            "not_before": not_before,
            "after": list(after) if after is not None else None,
            "tags": list(tags) if tags is not None else None,
            "key": key,
            "force": force,
        }
        return str(self.connection.post("/api/tasks/", given(body))["task_id"])

    def batch(self, tasks: Iterable[Mapping[str, Any]]) -> list[str]:
        """Queue up to 10,000 tasks with the fields of submit(), all or none; their ids in the same order."""
        answer = self.connection.post("/api/tasks/batch/", {"tasks": [dict(task) for task in tasks]})
        return [str(task_id) for task_id in answer["task_ids"]]

    def sweep(
        self,
        simulation: str,
        *,
        base: Mapping[str, Any] | None = None,
        grid: Mapping[str, Sequence[Any]] | None = None,
        rows: Sequence[Mapping[str, Any]] | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> Sweep:
        """Queue a task for every combination of grid, or for every one of rows, each over base.

        ordered: keep to that order; else they may run in any. options: fields of submit() for all of them.
        """
        body = {
            "simulation": simulation,
            "base": dict(base or {}),
            "grid": None if grid is None else {name: list(values) for name, values in grid.items()},
            "rows": None if rows is None else [dict(row) for row in rows],
            "ordered": ordered,
            **options,
        }
        return cast(Sweep, self.connection.post("/api/sweeps/", given(body)))

    def task(self, task_id: str) -> Task:
        """The task as it stands now."""
        return cast(Task, self.connection.get(f"/api/tasks/{segment(task_id)}/"))

    def task_page(
        self,
        *,
        state: str | None = None,
        simulation: str | None = None,
        sweep: str | None = None,
        tag: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TaskPage:
        """One page of tasks, newest first; pass its `next` as cursor for the one after."""
        query = {
            "state": state,
            "simulation": simulation,
            "sweep": sweep,
            "tag": tag,
            "q": q,
            "limit": limit,
            "cursor": cursor,
        }
        return cast(TaskPage, self.connection.get("/api/tasks/", **query))

    def cancel(self, task_id: str) -> str:
        """End a task that waits or runs; its worker lives on. Conflict if it has ended."""
        return self._act(task_id, "cancel")

    def retry(self, task_id: str) -> str:
        """Queue a task that FAILED or was CANCELLED again, with a fresh budget of attempts."""
        return self._act(task_id, "retry")

    def suspend(self, task_id: str) -> str:
        """Stop a running task's tree where it is: its memory stops growing, and frees nothing."""
        return self._act(task_id, "suspend")

    def resume(self, task_id: str) -> str:
        """Let a suspended task go on."""
        return self._act(task_id, "resume")

    def edit(self, task_id: str, **changes: Any) -> Any:
        """Change priority, label, memory or tags of a task."""
        return self.connection.request("PATCH", f"/api/tasks/{segment(task_id)}/", body=changes)

    def _act(self, task_id: str, verb: str) -> str:
        return str(self.connection.post(f"/api/tasks/{segment(task_id)}/{verb}/")["task_id"])

    # What a task wrote

    def log(self, task_id: str, *, tail: int | None = None, offset: int | None = None) -> LogText:
        """Output of the task's last attempt: the last `tail` characters, or what follows byte `offset`."""
        return cast(
            LogText, self.connection.get(f"/api/tasks/{segment(task_id)}/log/", tail=tail, offset=offset)
        )

    def files(self, task_id: str) -> list[File]:
        """The files in the task's output directories."""
        return cast(list[File], self.connection.get(f"/api/tasks/{segment(task_id)}/files/")["files"])

    def samples(self, task_id: str) -> Any:
        """Memory and CPU of the task's attempts over time, at most 500 points each."""
        return self.connection.get(f"/api/tasks/{segment(task_id)}/samples/")

    # Everything else

    def simulations(self) -> list[Simulation]:
        """The simulations that can be submitted."""
        return cast(list[Simulation], self.connection.get("/api/simulations/")["simulations"])

    def simulation(self, name: str) -> Simulation:
        """One simulation, with the JSON Schema of its parameters."""
        return cast(Simulation, self.connection.get(f"/api/simulations/{segment(name)}/"))

    def preferences(self) -> Any:
        """Every setting: value, source, schema."""
        return self.connection.get("/api/preferences/")

    def change_preferences(self, changes: Mapping[str, Any]) -> Any:
        """Change some preferences; the preferences afterwards. A wrong value changes nothing."""
        return self.connection.request("PATCH", "/api/preferences/", body=changes)

    def startup(self) -> Startup:
        """Whether a worker is there, and if not, whether there is room for one."""
        return cast(Startup, self.connection.get("/api/startup/"))

    def answer_startup(self, choice: str) -> Any:
        """Answer the first question, once a launch: "start", "start_anyway" or "without_workers"."""
        return self.connection.post("/api/startup/", {"choice": choice})

    def system(self) -> dict[str, Any]:
        """Versions, paths, and what this machine admits and why."""
        return cast(dict[str, Any], self.connection.get("/api/system/"))
