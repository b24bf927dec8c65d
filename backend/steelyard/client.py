"""The Python client: drives a running sidecar from scripts, notebooks and the command line.

    from steelyard.client import Client

    with Client.find() as client:
        task_id = client.submit("steel-pathway", {"carbon_price_2050": 120})
        task = client.wait(task_id)
        print(task["state"], task["result"])

Methods answer with what the server gave, as plain dictionaries (types: steelyard.answers), or with the id of
what they made or changed. A refusal is raised as the SteelyardError subclass of its code
(steelyard.rules.errors), no sidecar as NoSidecar. Times are ISO-8601 in UTC, sizes bytes, durations seconds.
Nothing is asked of a proxy, whatever the environment says.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from steelyard.answers import Event, LogText, Task
from steelyard.calls import Calls
from steelyard.client_errors import NoAnswer, NoSidecar
from steelyard.connection import Connection, segment
from steelyard.machine.paths import data_directory
from steelyard.rules.errors import InvalidRequest, NotFound
from steelyard.rules.states import ENDED_TASKS
from steelyard.runtime_record import read_record

__all__ = ["Client", "NoAnswer", "NoSidecar", "WaitTimeout"]

_FULL_ID = 12
"""Characters of a task id; fewer are taken for the beginning of one."""
_PAGE = 1000
_FIRST_POLL, _SLOWEST_POLL = 0.05, 1.0


class WaitTimeout(TimeoutError):
    """wait() gave up; the tasks go on."""


class Client(Calls):
    """A conversation with one sidecar. Use it in a `with` statement, or call close()."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """url is "http://127.0.0.1:<port>", token that of runtime/sidecar.json, timeout seconds a request."""
        super().__init__(Connection(url, token, timeout=timeout))
        self._monotonic = monotonic
        self.sleep = sleep
        """What passes the time between two looks."""

    @classmethod
    def find(cls, data_dir: str | os.PathLike[str] | None = None, *, timeout: float = 60.0) -> Client:
        """A client of the sidecar on data_dir (without it: STEELYARD_DATA_DIR, else the platform's).

        Raises NoSidecar, with the reason, if none runs.
        """
        folder = data_directory(os.environ) if data_dir is None else Path(data_dir)
        record = read_record(folder)
        return cls(record.url, record.token, timeout=timeout)

    def close(self) -> None:
        """End the conversation; tasks and workers go on."""
        self.connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tasks(self, **filters: Any) -> Iterator[Task]:
        """All tasks that pass the filters of task_page(), newest first, fetched page by page as you go on."""
        filters.setdefault("limit", _PAGE)
        while True:
            page = self.task_page(**filters)
            yield from page["tasks"]
            if page["next"] is None:
                return
            filters["cursor"] = page["next"]

    def resolve(self, beginning: str) -> str:
        """The one task id that begins so. NotFound if none does, InvalidRequest if several do."""
        if len(beginning) >= _FULL_ID:
            return beginning
        found: list[str] = []
        for task in self.tasks(q=beginning) if beginning else ():
            if task["task_id"].startswith(beginning):
                found.append(task["task_id"])
            if len(found) == 2:
                raise InvalidRequest(
                    f"more than one task id begins with {beginning!r}: {found[0]}, {found[1]}", tasks=found
                )
        if not found:
            raise NotFound(f"no task id begins with {beginning!r}")
        return found[0]

    def wait(
        self,
        task_id: str,
        *,
        timeout: float | None = None,
        watch: Callable[[Task], None] | None = None,
    ) -> Task:
        """The task once it has ended (SUCCEEDED, FAILED or CANCELLED); WaitTimeout after timeout seconds.

        watch is called with each view of the task on the way. The task goes on if this is interrupted.
        """
        deadline = None if timeout is None else self._monotonic() + timeout
        pause = _FIRST_POLL
        while True:
            task = self.task(task_id)
            if watch is not None:
                watch(task)
            if task["state"] in ENDED_TASKS:
                return task
            if deadline is not None and self._monotonic() >= deadline:
                raise WaitTimeout(f"task {task_id} is still {task['state']} after {timeout:g} s")
            self.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_POLL)

    def follow(
        self, task_id: str, *, offset: int = 0, watch: Callable[[Task], None] | None = None
    ) -> Iterator[LogText]:
        """Pieces of output as they are written, from byte `offset` on, until the task has ended.

        Of a retried task the next attempt's output follows, from its start; the pieces name their attempt.
        watch is called with each view of the task on the way.
        """
        attempt: int | None = None
        pause = _FIRST_POLL
        while True:
            # The state first: what was written before an end is then certainly in the piece read after it.
            task = self.task(task_id)
            ended = task["state"] in ENDED_TASKS
            if watch is not None:
                watch(task)
            piece = self.log(task_id, offset=offset)
            if attempt is not None and piece["attempt"] != attempt:
                offset = 0
                attempt = piece["attempt"]
                continue
            attempt = piece["attempt"]
            if piece["text"]:
                yield piece
            before, offset = offset, piece.get("next", offset)
            if offset != before:
                pause = _FIRST_POLL
            elif ended:
                return
            else:
                self.sleep(pause)
                pause = min(pause * 1.5, _SLOWEST_POLL)

    def download(self, task_id: str, file_id: str, to: str | os.PathLike[str]) -> Path:
        """Write one file of files() to the path `to`, which is complete or untouched whatever happens."""
        target = Path(to)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".steelyard-", dir=target.parent) as folder:
            part = Path(folder) / "part"
            with (
                self.connection.stream(f"/api/tasks/{segment(task_id)}/files/{segment(file_id)}") as chunks,
                part.open("wb") as out,
            ):
                for chunk in chunks:
                    out.write(chunk)
            part.replace(target)
        return target

    def events(self, since: int = 0, *, limit: int = _PAGE) -> Iterator[Event]:
        """The changes after seq `since`, oldest first, up to the newest; fetched page by page."""
        while True:
            page = self.connection.get("/api/events/", since=since, limit=limit)
            yield from page["events"]
            if page["next"] is None:
                return
            since = page["next"]
