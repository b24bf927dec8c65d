"""A task's output as clients fetch it: its log, and its files by ids from a list, never by a path."""

from __future__ import annotations

import base64
from collections.abc import Collection
from io import BufferedReader
from pathlib import Path
from typing import Any

from steelyard.machine import decoding, logs
from steelyard.machine.answering import ask
from steelyard.machine.beside import compute
from steelyard.machine.regular_files import Unreadable
from steelyard.rules.errors import NotFound
from steelyard.rules.states import TaskState
from steelyard.store import tasks, workers
from steelyard.supervisor.file_lists import FileList, named, open_by_id
from steelyard.supervisor.yard import WatchedLog, Yard

PUSH_LIMIT = 64 * 1024
"""Bytes of new output in one `log` message; a follower that needs what lies between fetches it."""


async def log(
    yard: Yard, task_id: str, tail: int | None, offset: int | None, raw: bool = False
) -> dict[str, Any]:
    """The output of a task's last attempt: its last `tail` characters, or a stretch from byte `offset` on.

    raw: the bytes of that stretch as they were printed, in base64, instead of its text. NotFound, Unanswered.
    """
    row = tasks.row(yard.database, task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    number = row["attempt"]
    found = {"task_id": task_id, "attempt": number}
    if not number:
        return {**found, "offset": 0, "size": 0, "text": ""}
    folder = str(yard.data.attempt(task_id, number))
    place = str(yard.data.task(task_id))
    return found | await ask(place, lambda: _stretch(folder, tail, offset, raw=raw))


def _stretch(folder: str, tail: int | None, offset: int | None, *, raw: bool) -> dict[str, Any]:
    """What log() says of the log in an attempt's folder. Blocks."""
    size = logs.size(folder)
    if not size:
        return {"offset": 0, "size": 0, "text": ""}
    if offset is not None:
        # What lies between the first and the last part that is kept is passed over.
        start = logs.kept_from(folder, offset)
        data = logs.read_range(folder, start, PUSH_LIMIT * 4)
        text, used = ("", len(data)) if raw else decoding.whole_characters(data)
        return {
            "offset": start,
            "next": start + used,
            "size": size,
            "text": text,
            **({"base64": base64.b64encode(data).decode()} if raw else {}),
        }
    text = logs.read_tail(folder, tail or 10_000)
    return {
        "offset": max(0, size - len(text.encode())),
        "size": size,
        "text": text,
    }


async def worker_log(yard: Yard, worker_id: str, tail: int) -> str:
    """The last `tail` characters of a worker's own log. NotFound, Unanswered."""
    if workers.row(yard.database, worker_id) is None:
        raise NotFound(f"There is no worker {worker_id}.")
    path = yard.data.worker_log(worker_id, yard.settings.worker_log_dir)
    return await ask(str(path.parent), lambda: logs.read_file_tail(str(path), tail))


def sidecar_log(yard: Yard, tail: int) -> str:
    """The last `tail` characters of the sidecar's own log; empty where it writes none."""
    return logs.read_file_tail(str(yard.data.logs / "sidecar.log"), tail)


def watch(yard: Yard, task_id: str) -> None:
    """Follow a task's log from its present end on. NotFound."""
    if tasks.row(yard.database, task_id) is None:
        raise NotFound(f"There is no task {task_id}.")
    holder = yard.holder(task_id)
    size = 0 if holder is None or holder.attempt is None else holder.attempt.output_size
    yard.watched_logs.setdefault(task_id, WatchedLog(size)).followers += 1


def unwatch(yard: Yard, task_id: str) -> None:
    """One follower less; the last one ends the reading."""
    watched = yard.watched_logs.get(task_id)
    if watched is not None:
        watched.followers -= 1
        if watched.followers <= 0:
            del yard.watched_logs[task_id]


def push_log(yard: Yard, task_id: str, number: int) -> None:
    """Send what is new in a log that somebody follows."""
    watched = yard.watched_logs.get(task_id)
    if watched is None:
        return
    folder = str(yard.data.attempt(task_id, number))
    size = logs.size(folder)
    offset = watched.offset if watched.offset <= size else 0
    offset = max(offset, size - PUSH_LIMIT)
    text, used = decoding.whole_characters(logs.read_range(folder, offset, PUSH_LIMIT))
    if used:
        watched.offset = offset + used
        yard.feed.say("log", task_id=task_id, attempt=number, offset=offset, text=text)


async def files(
    yard: Yard, task_id: str, names: Collection[str] = (), kind: str | None = None
) -> dict[str, Any]:
    """The files that a task's attempts left, last attempt first, as FileList says.

    Each: id, name (relative, `/`), size in bytes, attempt, kind, modified_at. names: only files of these
    names, also those that the list has no room for; kind: only these of the list. NotFound, Unanswered.
    """
    attempts, folder = _attempts(yard, task_id), str(yard.data.task(task_id))
    if names:
        found = await ask(folder, lambda: _named(attempts, names))
    else:
        found = await yard.file_lists.of_task(attempts)
    views = await compute(lambda: _views(found, kind))  # thousands of them take their time
    return {"files": views, "total": found.total, "truncated": found.truncated}


async def open_file(yard: Yard, task_id: str, file_id: str) -> tuple[BufferedReader, dict[str, Any]]:
    """The file with that id, open for reading, and what its list says of it.

    NotFound for any other id, and for a file that has gone. Unanswered.
    """
    folders = {number: folder for number, folder, _ in _attempts(yard, task_id)}

    def folder_of(number: int) -> Path:
        if number not in folders:
            raise Unreadable("is not there", missing=True)
        return folders[number]

    try:
        file, found = await ask(str(yard.data.task(task_id)), lambda: open_by_id(folder_of, file_id))
    except Unreadable:
        raise NotFound(f"Task {task_id} has no file {file_id:.64}.") from None
    return file, found.view()


def _views(found: FileList, kind: str | None) -> list[dict[str, object]]:
    return [file.view() for file in found.files if kind in (None, file.kind)]


def _named(attempts: Collection[tuple[int, Path, bool]], names: Collection[str]) -> FileList:
    found = tuple(
        file
        for number, folder, _ in attempts
        for name in dict.fromkeys(names)
        for file in named(folder, number, name)
    )
    return FileList(found, len(found), False)


def _attempts(yard: Yard, task_id: str) -> list[tuple[int, Path, bool]]:
    """(number, folder, whether nothing changes in it any more) of each attempt, the last first. NotFound."""
    row = tasks.row(yard.database, task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    last, runs = row["attempt"], row["state"] == TaskState.RUNNING
    return [
        (
            number,
            yard.data.attempt(task_id, number),
            (number < last or not runs) and (task_id, number) not in yard.workspaces,
        )
        for number in range(last, 0, -1)
    ]
