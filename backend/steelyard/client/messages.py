"""What the WebSocket carries, as types: plain dictionaries, told apart by `type`.

Stored messages (worker, task, prompt) carry a `seq` of their own, and the snapshot that of the last change it
holds; the others carry the last one there was.
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias, TypedDict, cast

from steelyard.client.answers import Memory, QueueCounts, Status, Task, Worker


class SnapshotMessage(TypedDict):
    """Where things stand: first of all, and whenever too much was missed to be told one by one."""

    type: Literal["snapshot"]
    seq: int
    status: Status


class WorkerMessage(TypedDict):
    """A worker has changed."""

    type: Literal["worker"]
    seq: int
    worker: Worker


class TaskMessage(TypedDict):
    """A task has changed. Parameters and result over 8 KiB are null here; Client.task() has them."""

    type: Literal["task"]
    seq: int
    task: Task


class PromptMessage(TypedDict):
    """A notice for a person."""

    type: Literal["prompt"]
    seq: int
    prompt: dict[str, Any]


class QueueMessage(TypedDict):
    """Topic "queue": how many tasks are in which state."""

    type: Literal["queue"]
    seq: int
    queue: QueueCounts


class MemoryMessage(TypedDict):
    """Topic "memory", once a second: the machine's memory, and each worker's memory and CPU."""

    type: Literal["memory"]
    seq: int
    memory: Memory
    workers: list[dict[str, Any]]


class ProgressMessage(TypedDict):
    """Topic "progress": how far a running task is."""

    type: Literal["progress"]
    seq: int
    task_id: str
    progress: float | None
    message: str | None
    eta: str | None


class LogMessage(TypedDict):
    """Topic "log:<task id>": new output of an attempt, from byte `offset` of it on."""

    type: Literal["log"]
    seq: int
    task_id: str
    attempt: int
    offset: int
    text: str


Message: TypeAlias = (
    SnapshotMessage
    | WorkerMessage
    | TaskMessage
    | PromptMessage
    | QueueMessage
    | MemoryMessage
    | ProgressMessage
    | LogMessage
)

STORED = frozenset({"snapshot", "worker", "task", "prompt"})
"""Types whose `seq` says how far a listener is."""


def read_message(text: str | bytes) -> dict[str, Any]:
    """One message; ValueError for what is none. It may be an `error`, which is no Message."""
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise ValueError("no message of Steelyard")
    return found


def of_event(kind: str, seq: int, data: dict[str, Any]) -> Message:
    """The message that a line of the event log was."""
    return cast(Message, {"type": kind, "seq": seq, kind: data})
