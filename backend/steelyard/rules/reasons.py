"""Why a READY task does not start, as a value, and the words for it (`waiting_for` of the task)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from steelyard.rules.quantities import format_size

Reason = Literal["memory", "cores", "held_for", "other_programs", "never_fits", "scout"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a task waits although its queue has an idle worker, with the figures.

    memory: it needs `need` bytes and `free` are free, more when running tasks have ended.
    cores: the same in cores.
    held_for: it would fit, but capacity is held for the task `subject`.
    other_programs: even with every running task ended only `free` bytes would be.
    never_fits: the machine could never give more than `free` bytes.
    scout: nobody can tell what it takes until the task `subject`, which goes ahead, has shown it.
    """

    reason: Reason
    need: int
    free: int
    subject: str = ""


def waiting_sentence(waiting: Waiting) -> str:
    """The reason in words, without a capital or a full stop: "needs 8.0 GiB, 3.1 GiB are free"."""
    need, free = waiting.need, waiting.free
    match waiting.reason:
        case "memory":
            return f"needs {format_size(need)}, {_free(need, free)}"
        case "cores":
            return (
                f"needs {need} {'core' if need == 1 else 'cores'}, {free} {'is' if free == 1 else 'are'} free"
            )
        case "held_for":
            return (
                f"would fit, but the room is held for task {waiting.subject}, which was passed often enough"
            )
        case "other_programs":
            even = f"even with no task running {_free(need, free)}"
            return f"needs {format_size(need)}; {even}, other programs hold the rest"
        case "never_fits":
            most = format_size(max(0, free))
            return f"needs {format_size(need)}, this machine can give {most}: it will never fit"
        case "scout":
            return f"task {waiting.subject}, which goes ahead: it shows what such runs take"


_NO_WORKER = "a worker: none serves the queue"


def no_worker(queue: str) -> str:
    """The reason where no worker takes tasks of a queue."""
    return f'{_NO_WORKER} "{queue}"'


def is_no_worker(reason: str | None) -> bool:
    """Whether a task waits for somebody to start a worker."""
    return reason is not None and reason.startswith(_NO_WORKER)


def waits(reason: str) -> str:
    """`waiting_for` as the end of a sentence: "waits for a free worker", "waits: it needs 8.0 GiB"."""
    return f"waits: it {reason}" if reason.startswith(("needs ", "would ")) else f"waits for {reason}"


def _free(need: int, free: int) -> str:
    """What is free, in words that never contradict the need: both may round to the same figure."""
    free = max(0, free)
    text = f"{format_size(free)} are free"
    if format_size(need) == format_size(free) and need > free:
        return f"{text}, {format_size(need - free)} too little"
    return text
