"""Every route of a sidecar, once: one entry, one request, one answer. Both clients have all of them.

Whatever takes more than one request (waiting, following, pages) stands in errands. A test compares the
entries with the server's routes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

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
    Task,
    TaskPage,
)
from steelyard.client.bound import Route
from steelyard.client.exchange import Call, field, get, given, post, segment, whole
from steelyard.client.sending import absolute, label_of, words_of
from steelyard.client.sweep_calls import SweepCalls


def _task(task_id: str, verb: str = "") -> str:
    return f"/api/tasks/{segment(task_id)}/{verb}"


def _worker(worker_id: str, verb: str) -> str:
    return f"/api/workers/{segment(worker_id)}/{verb}/"


class Calls(SweepCalls):
    """The routes. Ids are whole; a refusal is raised as the SteelyardError of its code."""

    # Workers

    @Route
    def status(self) -> Call[Status]:
        """Workers, limits, memory and queue, at one moment."""
        return get("/api/workers/status/")

    @Route
    def add_worker(self, *, force: bool = False) -> Call[str]:
        """Start a worker; its id. InsufficientMemory and NoCores yield to force, AtCapacity does not."""
        return post("/api/workers/add/", field("worker_id"), {"force": force})

    @Route
    def add_workers(self, count: int, *, force: bool = False) -> Call[list[str]]:
        """Start several workers; the ids of those that were admitted."""
        return post("/api/workers/add-many/", field("worker_ids"), {"count": count, "force": force})

    @Route
    def drain(self, worker_id: str | None = None) -> Call[str]:
        """Let a worker finish its task and leave (without an id the one that has run longest); its id."""
        path = "/api/workers/drain/" if worker_id is None else _worker(worker_id, "drain")
        return post(path, field("worker_id"))

    @Route
    def abort(self, worker_id: str, *, confirm: bool = False) -> Call[str]:
        """End a worker and its task at once; its id. ConfirmationRequired without confirm."""
        return post(_worker(worker_id, "abort"), field("worker_id"), {"confirm": confirm})

    @Route
    def cleanup(self) -> Call[int]:
        """Take the ended workers off the list; how many. Rows and logs stay until retention removes them."""
        return post("/api/workers/cleanup/", field("cleaned_up"))

    @Route
    def worker_log(self, worker_id: str, *, tail: int | None = None) -> Call[str]:
        """A worker's own log, the last `tail` characters of it."""
        return get(_worker(worker_id, "log"), field("text"), tail=tail)

    @Route
    def tick(self) -> Call[dict[str, int]]:
        """Run the checks that run anyway; how many workers and tasks each of them changed."""
        return post("/workers/tick/", field("transitions"))

    # The queue

    @Route
    def pause_queue(self) -> Call[str | None]:
        """Let nothing new start until it is resumed; running tasks go on. Who holds the queue now: "user"."""
        return post("/api/queue/pause/", field("paused"))

    @Route
    def resume_queue(self) -> Call[str | None]:
        """Let waiting tasks start again, on a low battery too. Who holds the queue now: None."""
        return post("/api/queue/resume/", field("paused"))

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
        """Queue one task; its id. The same `key` again answers with the task that has it; Conflict if that
        one has another simulation or other parameters.

        memory: the claim, bytes or "8GiB"; timeout: seconds of awake time or "48h"; not_before: ISO-8601;
        after: ids of tasks that must succeed first. InvalidParameters names each wrong parameter;
        WillNeverFit: the claim is larger than this machine could ever give (force queues it all the same).
        """
        body = {
            "simulation": simulation,
            "parameters": {} if parameters is None else dict(parameters),
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
        return post("/api/tasks/", field("task_id"), given(body))

    @Route
    def program(
        self,
        /,
        argv: Sequence[str | os.PathLike[str]],
        *,
        directory: str | os.PathLike[str] = ".",
        environment: Mapping[str, str | None] | None = None,
        attempts: int = 1,
        label: str | None = None,
        **options: Any,
    ) -> Call[str]:
        """Queue any program with the environment of all tasks; its task's id. run() takes that of here along.

        It runs once, and where you are now. environment: variables over the others; None takes one away.
        options: fields of submit().
        """
        words = words_of(argv)
        body = {
            "simulation": "command",
            "parameters": {
                "argv": words,
                "directory": absolute(directory),
                "environment": {} if environment is None else dict(environment),
            },
            "label": label_of(words) if label is None else label,
            "attempts": attempts,
            **options,
        }
        return post("/api/tasks/", field("task_id"), given(body))

    @Route
    def batch(self, tasks: Iterable[Mapping[str, Any]]) -> Call[list[str]]:
        """Queue up to 10,000 tasks with the fields of submit(), all or none; their ids in the same order."""
        return post("/api/tasks/batch/", field("task_ids"), {"tasks": [dict(task) for task in tasks]})

    @Route
    def task(self, task_id: str) -> Call[Task]:
        """The task as it stands now."""
        return get(_task(task_id))

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
        return get(
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
        return post(_task(task_id, "cancel/"), field("task_id"))

    @Route
    def retry(self, task_id: str, *, with_dependents: bool = False) -> Call[str]:
        """Queue a task that FAILED or was CANCELLED again, with a fresh budget of attempts.

        with_dependents: after it also the tasks that were cancelled because it had not succeeded.
        """
        return post(_task(task_id, "retry/"), field("task_id"), {"with_dependents": with_dependents})

    @Route
    def suspend(self, task_id: str) -> Call[str]:
        """Stop a running task's tree where it is: its memory stops growing, and frees nothing."""
        return post(_task(task_id, "suspend/"), field("task_id"))

    @Route
    def resume(self, task_id: str) -> Call[str]:
        """Let a suspended task go on."""
        return post(_task(task_id, "resume/"), field("task_id"))

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
        return Call("PATCH", _task(task_id), field("task_id"), body=given(changes))

    # What a task wrote

    @Route
    def log(
        self,
        task_id: str,
        *,
        tail: int | None = None,
        offset: int | None = None,
        without_marks: bool | None = None,
        raw: bool | None = None,
    ) -> Call[LogText]:
        """Output of the task's last attempt: the last `tail` characters, or what follows byte `offset`.

        without_marks: leave out the program's `::steelyard` lines; the figures still count them. raw: with
        offset, the bytes as they were printed, in `base64`.
        """
        query: dict[str, Any] = {"tail": tail, "offset": offset, "without_marks": without_marks, "raw": raw}
        return get(_task(task_id, "log/"), **query)

    @Route
    def files(self, task_id: str, *, names: Collection[str] | None = None) -> Call[Files]:
        """The files in the task's output directories, those of the last attempt first: 5,000 at the most.

        names: only those; it finds those too that the list has no room for.
        """
        asked = None if names is None else list(names)
        return get(_task(task_id, "files/"), Files.of, name=asked)

    @Route
    def samples(self, task_id: str) -> Call[list[Sample]]:
        """Memory and CPU of the task's attempts over time, at most 500 points each."""
        return get(_task(task_id, "samples/"), field("samples"))

    # Everything else

    @Route
    def simulations(self) -> Call[list[Simulation]]:
        """The simulations that can be submitted."""
        return get("/api/simulations/", field("simulations"))

    @Route
    def simulation(self, name: str) -> Call[Simulation]:
        """One simulation, with the JSON Schema of its parameters."""
        return get(f"/api/simulations/{segment(name)}/")

    @Route
    def event_page(self, *, since: int = 0, limit: int | None = None) -> Call[EventPage]:
        """One page of the event log after seq `since`, oldest first; its `next` is `since` of the next."""
        return get("/api/events/", since=since, limit=limit)

    @Route
    def preferences(self) -> Call[Preferences]:
        """Values, where each is from ("environment": it cannot be changed here), and their JSON Schema."""
        return get("/api/preferences/")

    @Route
    def change_preferences(self, changes: Mapping[str, Any]) -> Call[Preferences]:
        """Change some (None: back to the default); all of them afterwards. A wrong value changes nothing."""
        return Call("PATCH", "/api/preferences/", whole, body=dict(changes))

    @Route
    def startup(self) -> Call[Startup]:
        """Whether a worker is there, and if not, whether there is room for one."""
        return get("/api/startup/")

    @Route
    def answer_startup(self, choice: str) -> Call[str | None]:
        """Answer the first question, once a launch: "start", "start_anyway" or "without_workers".

        The id of the worker that was started, if one was.
        """
        return post("/api/startup/", lambda answer: answer.get("worker_id"), {"choice": choice})

    @Route
    def forecast(self) -> Call[Forecast]:
        """When the queue is done, with 1, 2, ... workers, and what bounds it."""
        return get("/api/forecast/")

    @Route
    def system(self) -> Call[dict[str, Any]]:
        """Versions, paths, and what this machine admits and why."""
        return get("/api/system/")

    @Route
    def new_sign_in_link(self) -> Call[str]:
        """A link that signs a browser in, once, within five minutes."""
        return post("/api/sign-in-links/", field("url"))
