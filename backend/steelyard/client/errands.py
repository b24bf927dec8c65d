"""What takes more than one request, once for both clients: pages, waiting, following, results, downloads."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from steelyard.client import results as results_table
from steelyard.client.answers import Event, LogText, Result, Sweep, SweepView, Task
from steelyard.client.bound import Errand, Streamed
from steelyard.client.calls import Calls
from steelyard.client.downloads import inside
from steelyard.client.exchange import segment
from steelyard.client.following import Following
from steelyard.client.here import programs_of_here
from steelyard.client.listening import Ear, Patience
from steelyard.client.messages import Message, of_event
from steelyard.client.steps import Fetch, Give, Plan, Stream, ask, collect
from steelyard.client.waiting import PAGE, Ends
from steelyard.rules.errors import InvalidRequest, NotFound

_FULL_ID = 12
"""Characters of a task id; fewer are taken for the beginning of one."""


class Errands(Calls):
    """All that a client can do, but how it does it."""

    patience: float
    """Seconds that a sidecar may be gone while something waits for it."""

    # Looking

    @Streamed
    def tasks(
        self,
        *,
        state: str | None = None,
        simulation: str | None = None,
        sweep: str | None = None,
        tag: str | None = None,
        q: str | None = None,
    ) -> Stream[Task]:
        """All tasks that pass the filters of task_page(), newest first, fetched page by page as you go on."""
        return _pages(state=state, simulation=simulation, sweep=sweep, tag=tag, q=q)

    @Streamed
    def sweeps(self) -> Stream[SweepView]:
        """All sweeps, newest first, fetched page by page as you go on."""
        cursor: str | None = None
        while True:
            page = yield from ask(Calls.sweep_page.call(limit=PAGE, cursor=cursor))
            for sweep in page["sweeps"]:
                yield Give(sweep)
            cursor = page["next"]
            if cursor is None:
                return

    # Submitting

    @Errand
    def run(
        self,
        /,
        argv: Sequence[str | os.PathLike[str]],
        *,
        directory: str | os.PathLike[str] = ".",
        environment: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> Plan[str]:
        """Queue any program as `steelyard run` does; its task's id. It runs once, and where you are now.

        Where PATH, VIRTUAL_ENV and CONDA_PREFIX are others here than in tasks, those of here go along.
        environment: variables over all others; None takes one away. options: fields of submit().
        """
        stated = {} if environment is None else dict(environment)
        system = yield from ask(Calls.system.call())
        variables = {**programs_of_here(system, stated), **stated}
        call = Calls.program.call(argv, directory=directory, environment=variables, **options)
        return (yield from ask(call))

    @Errand
    def resolve(self, beginning: str) -> Plan[str]:
        """The one task id that begins so. NotFound if none does, InvalidRequest if several do."""
        if len(beginning) >= _FULL_ID:
            return beginning
        found: list[str] = []
        cursor: str | None = None
        # The text search finds more than ids, so all its pages may have to be gone through.
        while beginning and len(found) < 2:
            page = yield from ask(Calls.task_page.call(q=beginning, limit=PAGE, cursor=cursor))
            found += [task["task_id"] for task in page["tasks"] if task["task_id"].startswith(beginning)]
            cursor = page["next"]
            if cursor is None:
                break
        if len(found) > 1:
            raise InvalidRequest(
                f"more than one task id begins with {beginning!r}: {found[0]}, {found[1]}", tasks=found
            )
        if not found:
            raise NotFound(f"no task id begins with {beginning!r}")
        return found[0]

    @Streamed
    def event_log(self, since: int = 0, *, limit: int = PAGE) -> Stream[Event]:
        """The changes after seq `since`, oldest first, up to the newest; fetched page by page."""
        while True:
            page = yield from ask(Calls.event_page.call(since=since, limit=limit))
            for event in page["events"]:
                yield Give(event)
            if page["next"] is None:
                return
            since = page["next"]

    @Streamed
    def events(self, *, since: int | None = None, topics: Iterable[str] = ()) -> Stream[Message]:
        """Every change as it happens, for ever: first a snapshot, or with `since` all after that seq.

        topics: "queue", "memory", "progress", "log:<task id>", which come only to who asks for them. When the
        connection drops, it goes on where it was; a snapshot tells that too much was missed to be told.
        Without a WebSocket the event log is read instead, and topics stay silent.
        """
        patience = Patience(self.patience)
        ear = Ear(patience, topics, since)
        while True:
            message = yield from ear.hear()
            if message is not None:
                yield Give(message)
            elif not ear.polling:
                continue
            elif ear.seq is None:
                status = yield from patience.ask(Calls.status.call())
                ear.seq = status["seq"]
                yield Give({"type": "snapshot", "seq": status["seq"], "status": status})
            else:
                page = yield from patience.ask(Calls.event_page.call(since=ear.seq, limit=PAGE))
                for event in page["events"]:
                    ear.lively()
                    ear.seq = event["seq"]
                    yield Give(of_event(event["kind"], event["seq"], event["data"]))

    # Waiting

    @Errand
    def wait(
        self, task_id: str, *, timeout: float | None = None, watch: Callable[[Task], None] | None = None
    ) -> Plan[Task]:
        """The task once it has ended (SUCCEEDED, FAILED or CANCELLED); WaitTimeout after timeout seconds.

        watch is called with each view of the task on the way. The task goes on if this is interrupted.
        """
        [task] = yield from collect(Ends([task_id], self.patience, watch).stream(timeout))
        return task

    @Streamed
    def as_completed(
        self,
        task_ids: Iterable[str],
        *,
        timeout: float | None = None,
        watch: Callable[[Task], None] | None = None,
    ) -> Stream[Task]:
        """Each of the tasks once it has ended, in the order in which they do; WaitTimeout as for wait()."""
        return Ends(task_ids, self.patience, watch).stream(timeout)

    @Streamed
    def follow(
        self,
        task_id: str,
        *,
        offset: int = 0,
        attempt: int | None = None,
        watch: Callable[[Task], None] | None = None,
        raw: bool = False,
    ) -> Stream[LogText]:
        """Pieces of output as they are written, until the task has ended.

        offset: the byte of that attempt's (else the last one's) output to begin at. Of a retried task the
        next attempt's output follows, from its start; the pieces name their attempt. watch is called with
        each view of the task on the way. raw: the pieces hold bytes, in `base64`, and no text.
        """
        return Following(task_id, offset, attempt, self.patience, watch, raw).stream()

    @Errand
    def results(
        self, sweep: Sweep | str, *, wait: bool = False, timeout: float | None = None
    ) -> Plan[list[Result]]:
        """What came of each task of a sweep (what sweep() gave, or its id), in the order of its grid or rows.

        wait: once all of them have ended; WaitTimeout after timeout seconds.
        """
        sweep_id = sweep if isinstance(sweep, str) else sweep["sweep_id"]
        found = yield from collect(_pages(sweep=sweep_id))
        if not found:
            raise NotFound(f"There is no sweep {sweep_id}.")
        found.reverse()
        if wait:
            ids = [task["task_id"] for task in found]
            ended = yield from collect(Ends(ids, self.patience).stream(timeout))
            by_id = {task["task_id"]: task for task in ended}
            found = [by_id[task_id] for task_id in ids]
        return results_table.of(found)

    # Files

    @Errand
    def download(self, task_id: str, file_id: str, to: str | os.PathLike[str]) -> Plan[Path]:
        """Write one file of files() to the path `to`, which is complete or untouched whatever happens."""
        target: Path = yield Fetch(f"/api/tasks/{segment(task_id)}/files/{segment(file_id)}", Path(to))
        return target

    @Errand
    def diagnostics(self, to: str | os.PathLike[str]) -> Plan[Path]:
        """Write a zip for whoever helps with a problem, without secrets, parameters and results; its path."""
        target: Path = yield Fetch("/system/diagnostics.zip", Path(to))
        return target

    @Errand
    def download_all(
        self,
        task_id: str,
        folder: str | os.PathLike[str],
        *,
        attempt: int | None = None,
        names: Collection[str] | None = None,
    ) -> Plan[list[Path]]:
        """Write the files of an attempt (without it: the last that left any) below folder; their paths.

        names: only those, and the last attempt that left any of them. Without it all that files() lists: a
        task with more than that is refused, InvalidRequest.

        A task chose their names: one that leads out of folder is refused, InvalidRequest.
        """
        found = yield from ask(Calls.files.call(task_id, names=names))
        if found.truncated:
            raise InvalidRequest(
                f"Task {task_id} has at least {found.total} files, and {len(found)} can be listed. "
                "Name those that you want, or copy the folder of the attempt."
            )
        chosen = max((file["attempt"] for file in found), default=0) if attempt is None else attempt
        targets = {
            file["id"]: inside(Path(folder), file["name"]) for file in found if file["attempt"] == chosen
        }
        for file_id, target in targets.items():
            yield Fetch(f"/api/tasks/{segment(task_id)}/files/{segment(file_id)}", target)
        return list(targets.values())


def _pages(**filters: Any) -> Stream[Task]:
    cursor: str | None = None
    while True:
        page = yield from ask(Calls.task_page.call(**filters, limit=PAGE, cursor=cursor))
        for task in page["tasks"]:
            yield Give(task)
        cursor = page["next"]
        if cursor is None:
            return
