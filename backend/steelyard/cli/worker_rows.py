"""A worker as a line of a table, and the figures below it: what `workers list` and `workers watch` show."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from steelyard.cli.output import Column, state
from steelyard.cli.wording import NOTHING, due, duration, plain, share, size
from steelyard.client.answers import Status, Worker
from steelyard.rules.capacity_words import room

PAUSED = {
    "user": "; paused, go on with: steelyard queue resume",
    "battery": "; paused while the battery is low",
}

COLUMNS = (
    Column("Worker", fixed=True),
    Column("State", fixed=True),
    Column("PID", right=True),
    Column("Memory", fixed=True, right=True),
    Column("CPU", fixed=True, right=True),
    Column("Seen"),
    Column("Doing", wraps=True),
)


def row(worker: Worker, now: float) -> list[str | Text]:
    """The cells of a worker; now is Unix seconds."""
    return [
        worker["worker_id"],
        state(worker["state"]),
        str(worker["pid"] or NOTHING),
        size(worker["memory"]),
        NOTHING if worker["cpu"] is None else f"{worker['cpu']:.0f} %",
        NOTHING if worker["heartbeat_age"] is None else f"{duration(round(worker['heartbeat_age']))} ago",
        doing(worker, now),
    ]


def doing(worker: Worker, now: float) -> str:
    """What it is busy with, or why it is not."""
    words: list[str] = []
    if worker["dead"]:
        words.append("its process is gone")
    if worker["stalled"]:
        words.append("stalled: no heartbeat")
    task = worker["task"]
    if task is not None:
        words.append(f"{task['task_id']} {plain(task['label'] or task['simulation'])}")
        words += [share(task["progress"])] if task["progress"] is not None else []
        words += [due(task["eta"], now)] if task["eta"] else []
        words += (
            [f"{duration(round(task['unsaved']))} since its last checkpoint"] if task["checkpoint_at"] else []
        )
        words += [flag for flag in ("suspended", "quiet") if task[flag]]
    elif worker["reason"]:
        words.append(plain(worker["reason"]))
    return ", ".join(words) or "idle"


def summary(status: Status) -> Iterator[tuple[str, str]]:
    """Limits, memory and queue, in words."""
    limits, memory, queue = status["limits"], status["memory"], status["queue"]
    bounds = f"{limits['physical_cores']} cores, at most {limits['hard_cap']}"
    yield (
        "Workers",
        f"{limits['active']} active, {limits['admissible']} admitted now: {room(limits)} ({bounds})",
    )
    yield (
        "Memory",
        f"{size(memory['available'])} of {size(memory['total'])} available,"
        f" {size(memory['guard'])} kept as guard, pressure {memory['pressure']}",
    )
    counts = ", ".join(f"{count} {name}" for name, count in queue.items() if name != "paused")
    yield "Queue", counts + PAUSED.get(queue["paused"] or "", "")
