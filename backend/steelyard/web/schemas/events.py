"""The event log."""

from __future__ import annotations

import msgspec

from steelyard.web.schemas.common import Moment, Reply, Seq
from steelyard.web.schemas.tasks import Task
from steelyard.web.schemas.workers import Worker


class Prompt(msgspec.Struct):
    """A notice for a person; the figures behind it stand beside."""

    subject: str
    text: str
    at: Moment


class WorkerEvent(Reply, tag_field="kind", tag="worker"):
    """A worker as it was right after a change."""

    seq: Seq
    at: Moment
    subject: str
    data: Worker


class TaskEvent(Reply, tag_field="kind", tag="task"):
    """A task as it was right after a change."""

    seq: Seq
    at: Moment
    subject: str
    data: Task


class PromptEvent(Reply, tag_field="kind", tag="prompt"):
    """A notice."""

    seq: Seq
    at: Moment
    subject: str
    data: Prompt


class Events(Reply):
    """A page of the event log, oldest first. `next`: `since` of the page after."""

    events: list[WorkerEvent | TaskEvent | PromptEvent]
    next: Seq | None
