"""The words and forms that all templates share: filters for quantities, and what each state means.

`register` hands them to the templates; the same words stand in docs/panel.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from starlette.requests import Request

from steelyard.machine.clocks import SystemClocks
from steelyard.rules.capacity_words import room
from steelyard.rules.quantities import format_duration, format_size
from steelyard.rules.timestamps import unix
from steelyard.web.assets import FOLDER
from steelyard.web.pages import navigation
from steelyard.web.routing import supervisor_of

CLOCKS = SystemClocks()

NEEDED_ASSETS = ("vendor/tabler.min.css", "vendor/htmx.min.js", "vendor/idiomorph-ext.min.js")
"""Without these, which the set-up copies from npm, the pages have no looks and do not follow by themselves.
"""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a badge says when it is asked: what the state is, and what a person may do about it."""

    what: str
    todo: str


WORKER_STATES = {
    "STARTING": Meaning(
        "The worker's process has been started and has not reported yet.",
        "Nothing: this takes a moment. One that has not reported within the start-up time-out "
        "(WORKER_STARTUP_TIMEOUT) becomes FAILED.",
    ),
    "RUNNING": Meaning(
        "The worker is ready: it runs a task, or waits for one that fits.",
        "Nothing. Drain lets it finish its task and leave; Abort ends it at once.",
    ),
    "DRAINING": Meaning(
        "The worker finishes the task that it has, takes no other, and then leaves.",
        "Wait until it is done. Abort if you do not want to wait: what the task did since its last "
        "checkpoint is then lost.",
    ),
    "FAILED": Meaning(
        "The worker did not start, or it crashed. The reason and its last lines stand on its card.",
        "Open its log. A task that it had goes back into the queue, and another worker is started in its "
        "place if there is room.",
    ),
    "DEAD": Meaning(
        "The worker has ended as it was meant to: drained, aborted, or closed with the program.",
        "Nothing. Clean up takes it off this list; its log is kept.",
    ),
}

FLAGS = {
    "dead": Meaning(
        "Its process is gone, though Steelyard has not yet taken note of its end.",
        "Wait a second or two: the worker becomes FAILED and its task goes back into the queue.",
    ),
    "stalled": Meaning(
        "No heartbeat for 3 minutes, or for three intervals if that is longer. Its task may still be well.",
        "Open its log. If memory use and progress stand still as well, abort the worker and queue the task "
        "again.",
    ),
    "quiet": Meaning(
        "No output, no progress and no CPU use for 30 minutes. This is a hint and nothing more.",
        "Look at the task's output. If it waits for something that will not come, abort it.",
    ),
    "suspended": Meaning(
        "The task stands still. Its memory stays taken: suspending stops growth, it frees nothing.",
        "Let it go on when there is room: Resume on the task's page, or steelyard resume with its id.",
    ),
    "forced": Meaning(
        "It was started although memory or cores did not suffice.",
        "Watch the memory. If the machine becomes slow, drain or abort it.",
    ),
}

FLAG_WORDS = {
    "dead": "dead process",
    "stalled": "stalled",
    "quiet": "quiet",
    "suspended": "suspended",
    "forced": "forced",
}

TASK_STATES = {
    "READY": "waiting",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}

CAUSES = {
    "succeeded": "it succeeded",
    "error": "it ended with an error",
    "timeout": "it ran into its time limit",
    "cancelled": "it was cancelled",
    "aborted": "its worker was aborted",
    "worker_lost": "its worker was lost",
    "sidecar_lost": "Steelyard was closed meanwhile",
    "memory_guard": "Steelyard ended it because memory ran short",
    "kernel_oom": "the system ended it because memory ran out",
    "rejected": "a task that it waits for did not succeed",
}

PRESSURES = {"normal": "", "warning": "the system is short of memory", "critical": "memory is critically low"}


def register(environment: Environment) -> None:
    """Give templates the filters and tables of this module."""
    environment.filters.update(
        size=_size,
        duration=_duration,
        ago=ago,
        clip=clip,
        percent=percent,
        flags=flags,
        named=named,
        room=room,
    )
    environment.globals.update(
        navigation=navigation.ENTRIES,
        is_current=navigation.is_current,
        worker_states=WORKER_STATES,
        task_states=TASK_STATES,
        causes=CAUSES,
        pressures=PRESSURES,
        flag_words=FLAG_WORDS,
        flag_meanings=FLAGS,
        assets_are_missing=assets_are_missing,
        seq_of=seq_of,
        is_folded=is_folded,
    )


def assets_are_missing() -> bool:
    """Whether the set-up could not bring what the pages need."""
    return not all((FOLDER / name).is_file() for name in NEEDED_ASSETS)


def seq_of(request: Request | None) -> int:
    """The last change that a page drawn now holds: its WebSocket asks for what comes after."""
    return supervisor_of(request).last_seq() if request is not None else 0


def is_folded(request: Request | None, section: str) -> bool:
    """Whether a person folded a section away. A cookie keeps it, because browsers keep localStorage by port,
    and the port is another one at every start.
    """
    folded = request.cookies.get("steelyard-folded", "") if request is not None else ""
    return section in folded.split(".")


def _size(value: float | None) -> str:
    return "–" if value is None else format_size(value)


def _duration(value: float | None) -> str:
    return "–" if value is None else format_duration(value)


def ago(moment: str | None) -> str:
    """An ISO-8601 moment as seen from now: "12 s ago", "in 3 min 5 s", "now".

    The pages' scripts go on from there, in the same words (static/moments.js).
    """
    if moment is None:
        return "–"
    age = CLOCKS.wall() - unix(moment)
    if -1 < age < 1:
        return "now"
    # Whole seconds, and from ten minutes on whole minutes: nobody needs a page full of running seconds.
    step = 1 if abs(age) < 600 else 60
    text = format_duration(round(abs(age) / step) * step)
    return f"{text} ago" if age > 0 else f"in {text}"


def clip(text: object, length: int = 200) -> str:
    """Text from a task or a person on one line, cut to a length that a page can bear."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def percent(fraction: float | None) -> str:
    """0.4237 as "42 %"; unknown as a dash. Never "100 %" before it is."""
    return "–" if fraction is None else f"{int(fraction * 100 + 1e-9)} %"


def flags(worker: dict[str, Any]) -> list[str]:
    """The flags that a worker's card shows, the gravest first."""
    task = worker["task"] or {}
    shown = [name for name in ("dead", "stalled") if worker.get(name)]
    shown += [name for name in ("suspended", "quiet") if task.get(name)]
    return [*shown, *(["forced"] if worker.get("forced") else [])]


def named(task: dict[str, Any]) -> str:
    """What a person calls a task: its label, else its simulation and the beginning of its id."""
    label = clip(task["label"] or "")
    return label or f"{task['simulation']} {task['task_id'][:8]}"
