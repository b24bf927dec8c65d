"""A task's output as clients fetch it: its log, and its files by ids from a list, never by a path."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from steelyard.machine import decoding, logs
from steelyard.rules.errors import NotFound
from steelyard.rules.timestamps import iso
from steelyard.store import tasks, workers
from steelyard.supervisor.yard import WatchedLog, Yard

PUSH_LIMIT = 64 * 1024
"""Bytes of new output in one `log` message; a follower that needs what lies between fetches it."""
FILES_LIMIT = 5_000
"""Files of a task that are listed."""
LAST_MOMENT = 253_402_300_799.0
"""Unix seconds of the last day of the year 9999: a task may give its files any moment, later ones too."""

KINDS = {
    ".png": "image",
    ".svg": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".csv": "table",
    ".json": "json",
    ".txt": "text",
    ".log": "text",
    ".md": "text",
}


def log(yard: Yard, task_id: str, tail: int | None, offset: int | None) -> dict[str, Any]:
    """The output of a task's last attempt: its last `tail` characters, or a stretch from byte `offset` on."""
    row = tasks.row(yard.database, task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    number = row["attempt"]
    folder = str(yard.data.attempt(task_id, number))
    size = logs.size(folder) if number else 0
    if not size:
        return {"task_id": task_id, "attempt": number, "offset": 0, "size": 0, "text": ""}
    if offset is not None:
        # What lies between the first and the last part that is kept is passed over.
        start = logs.kept_from(folder, offset)
        text, used = decoding.whole_characters(logs.read_range(folder, start, PUSH_LIMIT * 4))
        return {
            "task_id": task_id,
            "attempt": number,
            "offset": start,
            "next": start + used,
            "size": size,
            "text": text,
        }
    text = logs.read_tail(folder, tail or 10_000)
    return {
        "task_id": task_id,
        "attempt": number,
        "offset": max(0, size - len(text.encode())),
        "size": size,
        "text": text,
    }


def worker_log(yard: Yard, worker_id: str, tail: int) -> str:
    """The last `tail` characters of a worker's own log. NotFound."""
    if workers.row(yard.database, worker_id) is None:
        raise NotFound(f"There is no worker {worker_id}.")
    return logs.read_file_tail(str(yard.data.worker_log(worker_id, yard.settings.worker_log_dir)), tail)


def sidecar_log(yard: Yard, tail: int) -> str:
    """The last `tail` characters of the sidecar's own log; empty where it writes none."""
    return logs.read_file_tail(str(yard.data.logs / "sidecar.log"), tail)


def watch(yard: Yard, task_id: str) -> None:
    """Follow a task's log from its present end on. NotFound."""
    size = log(yard, task_id, 1, None)["size"]
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


def files(yard: Yard, task_id: str) -> list[dict[str, Any]]:
    """The files that a task's attempts left:

    id, name (relative, `/`), size in bytes, attempt, kind, modified_at; last attempt first.
    """
    return [
        {key: value for key, value in entry.items() if key != "path"} for entry in _entries(yard, task_id)
    ]


def file(yard: Yard, task_id: str, file_id: str) -> Path:
    """Where a listed file lies; NotFound for any other id, and for a file that has vanished."""
    for entry in _entries(yard, task_id):
        if entry["id"] == file_id:
            path: Path = entry["path"]
            return path
    raise NotFound(f"Task {task_id} has no file {file_id:.64}.")


def _entries(yard: Yard, task_id: str) -> list[dict[str, Any]]:
    row = tasks.row(yard.database, task_id)
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    entries: list[dict[str, Any]] = []
    for number in range(row["attempt"], 0, -1):
        root = yard.data.attempt(task_id, number) / "output"
        for path, about in _inside(root):
            name = path.relative_to(root).as_posix()
            entries.append(
                {
                    "id": hashlib.sha256(os.fsencode(f"{number}/{name}")).hexdigest()[:16],
                    "name": name,
                    "size": about.st_size,
                    "attempt": number,
                    "kind": KINDS.get(path.suffix.lower(), "other"),
                    "modified_at": iso(min(max(0.0, about.st_mtime), LAST_MOMENT)),
                    "path": path,
                }
            )
            if len(entries) >= FILES_LIMIT:
                return entries
    return entries


def _inside(root: Path) -> list[tuple[Path, os.stat_result]]:
    """The regular files below root that really lie there: what a link leads out to is not listed, and what
    vanishes meanwhile neither.
    """
    if not root.is_dir():
        return []
    real = root.resolve()
    found = []
    for path in sorted(root.rglob("*")):
        try:
            if path.is_file() and path.resolve().is_relative_to(real):
                found.append((path, path.stat()))
        except OSError:
            continue
    return found
