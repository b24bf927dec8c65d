"""`steelyard workers watch`: the table of workers, live."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.live import Live
from rich.text import Text

from steelyard.cli.session import Session
from steelyard.cli.worker_rows import COLUMNS, doing, row, summary
from steelyard.client.answers import Status, Worker

_NOT_SOONER = 0.2
"""Seconds between two looks: a burst of changes is one."""
_SHOWS = frozenset({"snapshot", "worker", "task", "memory"})


def watch(session: Session) -> None:
    """Show the workers whenever one of them, its task or its figures change, until Ctrl-C."""
    if session.out.console.is_terminal and not session.out.as_json:
        with Live(console=session.out.console, auto_refresh=False, screen=False) as live:
            for status in _statuses(session, ("memory",)):
                live.update(_picture(session, status), refresh=True)
        return
    said: dict[str, str] = {}
    for status in _statuses(session, ()):
        if session.out.as_json:
            session.out.line(status)
        else:
            _tell(session, status, said)


def _statuses(session: Session, topics: tuple[str, ...]) -> Iterator[Status]:
    """A status now and whenever something has changed."""
    looked = 0.0
    status = session.client.status()
    yield status
    for message in session.client.events(since=status["seq"], topics=topics):
        now = session.clocks.monotonic()
        if message["type"] not in _SHOWS or (now - looked < _NOT_SOONER and message["type"] == "memory"):
            continue
        if message["type"] != "memory" and message["seq"] <= status["seq"]:
            # The look before has it already.
            continue
        looked, status = now, session.client.status()
        yield status


def _picture(session: Session, status: Status) -> Group:
    out = session.out
    return Group(
        out.tabled(COLUMNS, (row(worker, session.now) for worker in status["workers"])),
        Text(),
        out.paired(summary(status)),
    )


def _tell(session: Session, status: Status, said: dict[str, str]) -> None:
    """A line for each worker that is not as it was."""
    for worker in status["workers"]:
        words = _line(worker)
        if said.get(worker["worker_id"]) != words:
            said[worker["worker_id"]] = words
            session.out.say(words)


def _line(worker: Worker) -> str:
    task = worker["task"]
    what = doing(worker, 0.0) if task is None else f"{task['task_id']} attempt {task['attempt']}"
    return f"{worker['worker_id']}  {worker['state']}  {what}"
