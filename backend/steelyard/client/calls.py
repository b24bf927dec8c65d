"""Every route of a sidecar, once: one entry, one request, one answer. Both clients have all of them.

Whatever takes more than one request (waiting, following, pages) stands in errands. A test compares the
entries with the server's routes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from steelyard.client.answers import (
    EventPage,
    Files,
    Forecast,
    LogText,
    Preferences,
    Sample,
    Simulation,
    Startup,
    Status,
    Sweep,
    Task,
    TaskPage,
)
from steelyard.client.bound import Route
from steelyard.client.exchange import Call, given, segment

T = TypeVar("T")


def _whole(answer: Any) -> Any:
    if not isinstance(answer, dict):
        raise TypeError("an answer of Steelyard is an object")
    return answer


def _field(name: str) -> Callable[[Any], Any]:
    return lambda answer: answer[name]


def _get(path: str, read: Callable[[Any], T] = _whole, **query: Any) -> Call[T]:
    return Call("GET", path, read, query=query)


def _post(path: str, read: Callable[[Any], T] = _whole, body: Mapping[str, Any] | None = None) -> Call[T]:
    return Call("POST", path, read, body=body or {})


def _task(task_id: str, verb: str = "") -> str:
    return f"/api/tasks/{segment(task_id)}/{verb}"


def _worker(worker_id: str, verb: str) -> str:
    return f"/api/workers/{segment(worker_id)}/{verb}/"


class Calls:
    """The routes. Ids are whole; a refusal is raised as the SteelyardError of its code."""

    # Workers

    @Route
    def status(self) -> Call[Status]:
        """Workers, limits, memory and queue, at one moment."""
        return _get("/api/workers/status/")

    @Route
    def add_worker(self, *, force: bool = False) -> Call[str]:
        """Start a worker; its id. InsufficientMemory and NoCores yield to force, AtCapacity does not."""
        return _post("/api/workers/add/", _field("worker_id"), {"force": force})

    @Route
    def add_workers(self, count: int, *, force: bool = False) -> Call[list[str]]:
        """Start several workers; the ids of those that were admitted."""
        return _post("/api/workers/add-many/", _field("worker_ids"), {"count": count, "force": force})

    @Route
    def drain(self, worker_id: str | None = None) -> Call[str]:
        """Let a worker finish its task and leave (without an id the one that has run longest); its id."""
        path = "/api/workers/drain/" if worker_id is None else _worker(worker_id, "drain")
        return _post(path, _field("worker_id"))

    @Route
    def abort(self, worker_id: str, *, confirm: bool = False) -> Call[str]:
        """End a worker and its task at once; its id. ConfirmationRequired without confirm."""
        return _post(_worker(worker_id, "abort"), _field("worker_id"), {"confirm": confirm})

    @Route
    def cleanup(self) -> Call[int]:
        """Take the ended workers off the list; how many. Rows and logs stay until retention removes them."""
        return _post("/api/workers/cleanup/", _field("cleaned_up"))

    @Route
    def worker_log(self, worker_id: str, *, tail: int | None = None) -> Call[str]:
        """A worker's own log, the last `tail` characters of it."""
        return _get(_worker(worker_id, "log"), _field("text"), tail=tail)

    @Route
    def tick(self) -> Call[dict[str, int]]:
        """Run the checks that run anyway; how many workers and tasks each of them changed."""
        return _post("/workers/tick/", _field("transitions"))

    # The queue

    @Route
    def pause_queue(self) -> Call[str | None]:
        """Let nothing new start until it is resumed; running tasks go on. Who holds the queue now: "user"."""
        return _post("/api/queue/pause/", _field("paused"))

    @Route
    def resume_queue(self) -> Call[str | None]:
        """Let waiting tasks start again, on a low battery too. Who holds the queue now: None."""
        return _post("/api/queue/resume/", _field("paused"))

    # Tasks

    @Route
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
    ) -> Call[str]:
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
        return _post("/api/tasks/", _field("task_id"), given(body))

    @Route
    def batch(self, tasks: Iterable[Mapping[str, Any]]) -> Call[list[str]]:
        """Queue up to 10,000 tasks with the fields of submit(), all or none; their ids in the same order."""
        return _post("/api/tasks/batch/", _field("task_ids"), {"tasks": [dict(task) for task in tasks]})

    @Route
    def sweep(
        self,
        /,
        simulation: str,
        *,
        base: Mapping[str, Any] | None = None,
        grid: Mapping[str, Iterable[Any]] | None = None,
        rows: Iterable[Mapping[str, Any]] | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> Call[Sweep]:
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
        return _post("/api/sweeps/", body=given(body))

    @Route
    def task(self, task_id: str) -> Call[Task]:
        """The task as it stands now."""
        return _get(_task(task_id))

    @Route
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
    ) -> Call[TaskPage]:
        """One page of tasks, newest first; pass its `next` as cursor for the one after.

        state: one, or several joined by commas; limit: 1 to 1000, 100 if left out.
        """
        return _get(
            "/api/tasks/",
            state=state,
            simulation=simulation,
            sweep=sweep,
            tag=tag,
            q=q,
            limit=limit,
            cursor=cursor,
        )

    @Route
    def cancel(self, task_id: str) -> Call[str]:
        """End a task that waits or runs; its worker lives on. Conflict if it has ended."""
        return _post(_task(task_id, "cancel/"), _field("task_id"))

    @Route
    def retry(self, task_id: str) -> Call[str]:
        """Queue a task that FAILED or was CANCELLED again, with a fresh budget of attempts."""
        return _post(_task(task_id, "retry/"), _field("task_id"))

    @Route
    def suspend(self, task_id: str) -> Call[str]:
        """Stop a running task's tree where it is: its memory stops growing, and frees nothing."""
        return _post(_task(task_id, "suspend/"), _field("task_id"))

    @Route
    def resume(self, task_id: str) -> Call[str]:
        """Let a suspended task go on."""
        return _post(_task(task_id, "resume/"), _field("task_id"))

    @Route
    def edit(
        self,
        task_id: str,
        *,
        priority: int | None = None,
        label: str | None = None,
        memory: int | str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Call[str]:
        """Change what is given of a task; its id. tags replace those that it has; an empty list has none."""
        changes = {
            "priority": priority,
            "label": label,
            "memory": memory,
            "tags": list(tags) if tags is not None else None,
        }
        return Call("PATCH", _task(task_id), _field("task_id"), body=given(changes))

    # What a task wrote

    @Route
    def log(self, task_id: str, *, tail: int | None = None, offset: int | None = None) -> Call[LogText]:
        """Output of the task's last attempt: the last `tail` characters, or what follows byte `offset`."""
        return _get(_task(task_id, "log/"), tail=tail, offset=offset)

    @Route
    def files(self, task_id: str, *, names: Collection[str] | None = None) -> Call[Files]:
        """The files in the task's output directories, those of the last attempt first: 5,000 at the most.

        names: only those; it finds those too that the list has no room for.
        """
        asked = None if names is None else list(names)
        return _get(_task(task_id, "files/"), Files.of, name=asked)

    @Route
    def samples(self, task_id: str) -> Call[list[Sample]]:
        """Memory and CPU of the task's attempts over time, at most 500 points each."""
        return _get(_task(task_id, "samples/"), _field("samples"))

    # Everything else

    @Route
    def simulations(self) -> Call[list[Simulation]]:
        """The simulations that can be submitted."""
        return _get("/api/simulations/", _field("simulations"))

    @Route
    def simulation(self, name: str) -> Call[Simulation]:
        """One simulation, with the JSON Schema of its parameters."""
        return _get(f"/api/simulations/{segment(name)}/")

    @Route
    def event_page(self, *, since: int = 0, limit: int | None = None) -> Call[EventPage]:
        """One page of the event log after seq `since`, oldest first; its `next` is `since` of the next."""
        return _get("/api/events/", since=since, limit=limit)

    @Route
    def preferences(self) -> Call[Preferences]:
        """Values, where each is from ("environment": it cannot be changed here), and their JSON Schema."""
        return _get("/api/preferences/")

    @Route
    def change_preferences(self, changes: Mapping[str, Any]) -> Call[Preferences]:
        """Change some (None: back to the default); all of them afterwards. A wrong value changes nothing."""
        return Call("PATCH", "/api/preferences/", _whole, body=dict(changes))

    @Route
    def startup(self) -> Call[Startup]:
        """Whether a worker is there, and if not, whether there is room for one."""
        return _get("/api/startup/")

    @Route
    def answer_startup(self, choice: str) -> Call[str | None]:
        """Answer the first question, once a launch: "start", "start_anyway" or "without_workers".

        The id of the worker that was started, if one was.
        """
        return _post("/api/startup/", lambda answer: answer.get("worker_id"), {"choice": choice})

    @Route
    def forecast(self) -> Call[Forecast]:
        """When the queue is done, with 1, 2, ... workers, and what bounds it."""
        return _get("/api/forecast/")

    @Route
    def system(self) -> Call[dict[str, Any]]:
        """Versions, paths, and what this machine admits and why."""
        return _get("/api/system/")

    @Route
    def new_sign_in_link(self) -> Call[str]:
        """A link that signs a browser in, once, within five minutes."""
        return _post("/api/sign-in-links/", _field("url"))
