"""The live view: memory, workers, and a bar with its remaining time for each task.

Pure drawing: values in, rich renderables out. Where the output is no terminal, `changes` gives plain lines
instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from steelyard.cli.wording import plain, size
from steelyard.client.answers import Limits, Memory, Status, Task, Worker
from steelyard.client.results import took
from steelyard.rules.states import ENDED_TASKS
from steelyard.rules.timestamps import unix

STATE_STYLES = {
    "READY": "dim",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "bold red",
    "CANCELLED": "yellow",
}


def draw(
    status: Status, tasks: Sequence[Task], names: Sequence[str], elapsed: float, now: float
) -> RenderableType:
    """One picture of the whole: `names` are the parameters that tell the scenarios apart."""
    return Group(
        _headline(tasks, elapsed, now),
        _memory(status["memory"], status["limits"]),
        _workers([worker for worker in status["workers"] if worker["state"] != "DEAD"]),
        _tasks(tasks, names, now),
    )


def changes(before: Sequence[Task], after: Sequence[Task], names: Sequence[str]) -> Iterator[str]:
    """A line for each task whose state is not what it was."""
    states = {task["task_id"]: task["state"] for task in before}
    for number, task in enumerate(after, start=1):
        if states.get(task["task_id"], "READY") != task["state"]:
            yield f"{number:>2} {task['state'].lower():<9} {scenario(task, names)}"


def ended(tasks: Sequence[Task]) -> bool:
    """Whether no task is left to wait for."""
    return all(task["state"] in ENDED_TASKS for task in tasks)


def seconds_left(task: Task, now: float) -> float | None:
    """Seconds until the task ends: what the sidecar says, else what its progress so far suggests."""
    if task["state"] != "RUNNING":
        return None
    if task["eta"] is not None:
        return max(0.0, unix(task["eta"]) - now)
    progress = task["progress"]
    if not progress or task["started_at"] is None:
        return None
    return (now - unix(task["started_at"])) * (1 - progress) / progress


def all_left(tasks: Sequence[Task], now: float) -> float | None:
    """Seconds until the last task ends, if they go on at the pace of those that ended or have progressed."""
    durations = [length for task in tasks if (length := _whole_length(task, now)) is not None]
    running = len([task for task in tasks if task["state"] == "RUNNING"])
    if not durations or not running:
        return None
    open_work = sum(1 - (task["progress"] or 0) for task in tasks if task["state"] not in ENDED_TASKS)
    return open_work * sum(durations) / len(durations) / running


def scenario(task: Task, names: Sequence[str]) -> str:
    """The parameters that tell this task from the others."""
    return " · ".join(_short((task["parameters"] or {}).get(name)) for name in names)


def clock(seconds: float | None) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# --- Parts ----------------------------------------------------------------------------------------------


def _headline(tasks: Sequence[Task], elapsed: float, now: float) -> Text:
    count = {state: sum(task["state"] == state for task in tasks) for state in STATE_STYLES}
    text = Text("Steelyard", style="bold")
    text.append(f"  {count['SUCCEEDED']} of {len(tasks)} done", style="default")
    text.append(f" · {count['RUNNING']} running · {count['READY']} waiting", style="default")
    if count["FAILED"]:
        text.append(f" · {count['FAILED']} failed", style=STATE_STYLES["FAILED"])
    text.append(f" · {clock(elapsed)} so far", style="default")
    left = all_left(tasks, now)
    if left is not None:
        text.append(f" · about {clock(left)} left", style="default")
    return text


def _memory(memory: Memory, limits: Limits) -> Table:
    grid = Table.grid(padding=(0, 1))
    for _ in range(4):
        grid.add_column(no_wrap=True)
    used = f"{size(memory['used'])} of {size(memory['total'])} used, guard {size(memory['guard'])}"
    pressure = memory["pressure"]
    style = "default" if pressure == "normal" else "bold red"
    grid.add_row(
        "Memory",
        ProgressBar(total=float(memory["total"]) or 1.0, completed=float(memory["used"]), width=16),
        used,
        Text(f"· {pressure} pressure · {limits['admissible']} workers fit", style=style),
    )
    return grid


def _workers(workers: Sequence[Worker]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("Worker", "State", "PID", "Memory", "CPU"):
        table.add_column(heading, justify="right" if heading in ("PID", "Memory", "CPU") else "left")
    for worker in workers:
        cpu = worker["cpu"]
        table.add_row(
            worker["worker_id"],
            worker["state"].lower(),
            str(worker["pid"] or "–"),
            size(worker["memory"]),
            "–" if cpu is None else f"{cpu:.0f} %",
        )
    return table


def _tasks(tasks: Sequence[Task], names: Sequence[str], now: float) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("#", justify="right")
    table.add_column("Scenario", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Progress", no_wrap=True)
    table.add_column("Left", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for number, task in enumerate(tasks, start=1):
        state = "SUSPENDED" if task["suspended"] else task["state"]
        done = 1.0 if task["state"] == "SUCCEEDED" else task["progress"] or 0.0
        left = seconds_left(task, now)
        ended_in = took(task) if task["state"] in ENDED_TASKS else None
        table.add_row(
            str(number),
            scenario(task, names),
            Text(state.lower(), style=STATE_STYLES.get(state, "yellow")),
            ProgressBar(total=1.0, completed=done, width=20),
            clock(left) if ended_in is None else Text(f"in {clock(ended_in)}", style="dim"),
            Text(_remark(task), style="dim"),
        )
    return table


def _remark(task: Task) -> str:
    remark = task["waiting_for"] if task["state"] == "READY" else task["message"] or task["cause"]
    return plain(remark or "")


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else plain(value)


def _whole_length(task: Task, now: float) -> float | None:
    """Seconds that a task took, or will have taken at its pace; None without a ground for it."""
    if task["state"] == "SUCCEEDED":
        return took(task)
    left = seconds_left(task, now)
    return None if left is None or task["started_at"] is None else now - unix(task["started_at"]) + left
