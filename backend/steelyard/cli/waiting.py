"""Waiting for tasks, with bars for a person and lines of changes for a log."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from steelyard.cli.output import Output
from steelyard.cli.session import Session, goes_on
from steelyard.cli.wording import NOTHING, due, duration, plain, relative, share
from steelyard.client.answers import Task
from steelyard.rules import reasons
from steelyard.rules.timestamps import unix


class Bars:
    """Bars on stderr while the body runs; without a terminal, a line for each change."""

    def __init__(self, session: Session) -> None:
        self._out: Output = session.out
        self._session = session
        self._said: dict[str, str] = {}
        self._rows: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[words]}", markup=False),
            console=session.out.errors,
            transient=True,
            disable=not session.out.watched,
        )

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, task: Task) -> None:
        """The task as it stands now."""
        name = plain(task["label"] or task["simulation"])[:24]
        self.line(task["task_id"], name, task["progress"] or 0.0, doing(task, self._session.now))
        self.say(task["task_id"], waits(task))

    def line(self, key: str, name: str, fraction: float, words: str) -> None:
        """Draw a bar, or move it."""
        if key not in self._rows:
            self._rows[key] = self._progress.add_task(name, total=1.0, words=words)
        self._progress.update(self._rows[key], completed=fraction, words=words)

    def drop(self, key: str) -> None:
        """Take a bar away."""
        if key in self._rows:
            self._progress.remove_task(self._rows.pop(key))

    def say(self, key: str, words: str) -> None:
        """A line on stderr, where no bars are drawn and it says something new."""
        if not self._out.watched and words and self._said.get(key) != words:
            self._said[key] = words
            self._out.note(words)


class Pace:
    """When something will be done, from how quickly it went since this was made."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._start = monotonic()
        self._first: float | None = None

    def remaining(self, done: float) -> float | None:
        """Seconds until a share of 1, now that it is `done`; None while that cannot be told."""
        if self._first is None:
            self._first = done
        gained, elapsed = done - self._first, self._monotonic() - self._start
        if gained < 0.01 or elapsed < 2.0 or done >= 1.0:
            return None
        return elapsed / gained * (1.0 - done)


def doing(task: Task, now: float) -> str:
    """What a task does, in a few words: "42 %, done in 2 h, year 2031"."""
    if task["state"] != "RUNNING":
        why = task["waiting_for"]
        return f"{task['state']}: {plain(reasons.waits(why))}" if why else task["state"]
    words = [share(task["progress"])] if task["progress"] is not None else ["running"]
    if task["suspended"]:
        words.append("suspended")
    if task["eta"]:
        words.append(due(task["eta"], now))
    if task["message"]:
        words.append(plain(task["message"]))
    return ", ".join(words)


def waits(task: Task) -> str:
    """Why a task does not start, as a line; empty when it waits for nothing."""
    if task["state"] != "READY" or not task["waiting_for"]:
        return ""
    return f"task {task['task_id']} {plain(reasons.waits(task['waiting_for']))}"


def outcome(task: Task) -> str:
    """How a task ended, as a line."""
    last = task["attempts"][-1] if task["attempts"] else None
    why = f": {plain(last['evidence'])}" if last and last["evidence"] and task["state"] != "SUCCEEDED" else ""
    cause = f" ({task['cause']})" if task["cause"] and task["state"] != "SUCCEEDED" else ""
    return f"task {task['task_id']} {task['state']}{cause}{why}"


def wait(session: Session, task_id: str) -> Task:
    """The task once it has ended. Ctrl-C leaves it running, and says so."""
    with goes_on(f"task {task_id}", f"steelyard cancel {task_id}"), Bars(session) as bars:
        return session.client.wait(task_id, watch=bars.show)


def when(task: Task, now: float) -> str | Text:
    """When a running task will be done, or for how long it runs; when another one ended or was queued."""
    if task["state"] == "RUNNING":
        if task["suspended"]:
            return Text("suspended", style="yellow")
        if task["eta"]:
            return due(task["eta"], now)
        return f"for {duration(max(0.0, now - unix(task['started_at'])))}" if task["started_at"] else NOTHING
    return relative(task["finished_at"] or task["queued_at"], now)
