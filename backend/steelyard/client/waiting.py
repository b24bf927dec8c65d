"""Waiting for the ends of tasks: by listening, and by looking wherever something may have been missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from steelyard.client.answers import Task
from steelyard.client.calls import Calls
from steelyard.client.errors import WaitTimeout
from steelyard.client.listening import Ear, Patience
from steelyard.client.messages import Message
from steelyard.client.steps import Give, Plan, Stream, Tell, now
from steelyard.rules.reasons import is_no_worker
from steelyard.rules.states import ENDED_TASKS, TaskState

Watch = Callable[[Task], None]

PAGE = 1000
_MANY = 50
"""Tasks; more are looked at by pages of the list, not one by one."""
_LOOK_AT_WAITING = 1.0
"""Seconds; why a task waits is in no message, so who watches a single one has it looked at."""


def tell_of_no_worker(tasks: Iterable[Task | None]) -> Plan[None]:
    """Say so if one of the tasks would wait for ever, since no worker is there for it."""
    for task in tasks:
        if task is not None and task["state"] == TaskState.READY and is_no_worker(task["waiting_for"]):
            yield Tell(
                f"task {task['task_id']} waits for {task['waiting_for']}."
                " Start one with client.add_worker(), or steelyard workers add"
            )
            return


class Ends:
    """Tells of each of several tasks when it has ended; `watch` is shown every view on the way."""

    def __init__(self, ids: Iterable[str], patience: float, watch: Watch | None = None) -> None:
        self._pending: dict[str, Task | None] = dict.fromkeys(ids)
        self._watch = watch
        self._patience = Patience(patience)
        self._ear = Ear(self._patience, ("progress",) if watch else ())

    def stream(self, timeout: float | None = None) -> Stream[Task]:
        """Each task once it has ended, in the order in which they do. WaitTimeout after timeout seconds."""
        deadline = None if timeout is None else (yield from now()) + timeout
        ended = yield from self._look()
        if self._watch is None or len(self._pending) > 1:
            yield from tell_of_no_worker(self._pending.values())
        while True:
            for task in ended:
                yield Give(task)
            if not self._pending:
                return
            left = None if deadline is None else deadline - (yield from now())
            if left is not None and left <= 0:
                raise self._too_late(timeout or 0.0)
            message = yield from self._ear.hear(self._within(left))
            ended = yield from self._heard(message)

    def _within(self, left: float | None) -> float | None:
        """How long to listen until the next look, or the deadline."""
        beat = None
        if self._watch is not None and len(self._pending) == 1:
            [task] = self._pending.values()
            beat = _LOOK_AT_WAITING if task is None or task["state"] == TaskState.READY else None
        return min((seconds for seconds in (left, beat) if seconds is not None), default=None)

    def _heard(self, message: Message | None) -> Plan[list[Task]]:
        """What a message tells of the tasks: those of them that have ended."""
        if message is None or message["type"] == "snapshot":
            return (yield from self._look())
        if message["type"] == "task" and message["task"]["task_id"] in self._pending:
            task = message["task"]
            if task["state"] in ENDED_TASKS:
                # A message leaves out what is large.
                return list(self._sorted([(yield from self._patience.ask(Calls.task.call(task["task_id"])))]))
            if task["state"] == TaskState.READY and self._watch is not None and len(self._pending) == 1:
                return (yield from self._look())
            self._seen(task)
        elif message["type"] == "progress":
            known = self._pending.get(message["task_id"])
            if known is not None:
                news = {name: message[name] for name in ("progress", "message", "eta")}
                self._seen(cast(Task, {**known, **news}))
        return []

    def _look(self) -> Plan[list[Task]]:
        """Look at all that have not ended."""
        if len(self._pending) > _MANY:
            found = yield from self._listed()
        else:
            found = []
            for task_id in self._pending:
                found.append((yield from self._patience.ask(Calls.task.call(task_id))))
        return list(self._sorted(found))

    def _listed(self) -> Plan[list[Task]]:
        """The same by pages of the list, from its newest task to the oldest that is asked for."""
        missing, cursor = set(self._pending), None
        found: dict[str, Task] = {}
        while missing:
            page = yield from self._patience.ask(Calls.task_page.call(limit=PAGE, cursor=cursor))
            found |= {task["task_id"]: task for task in page["tasks"] if task["task_id"] in missing}
            missing -= found.keys()
            cursor = page["next"]
            if cursor is None:
                break
        for task_id in missing:
            found[task_id] = yield from self._patience.ask(Calls.task.call(task_id))
        return [found[task_id] for task_id in self._pending]

    def _sorted(self, found: Iterable[Task]) -> Iterator[Task]:
        """Those that have ended; the others are remembered."""
        for task in found:
            if task["state"] in ENDED_TASKS:
                self._ear.lively()
                del self._pending[task["task_id"]]
                if self._watch is not None:
                    self._watch(task)
                yield task
            else:
                self._seen(task)

    def _seen(self, task: Task) -> None:
        before = self._pending[task["task_id"]]
        if before is None or before["state"] != task["state"]:
            self._ear.lively()
        self._pending[task["task_id"]] = task
        if self._watch is not None:
            self._watch(task)

    def _too_late(self, timeout: float) -> WaitTimeout:
        if len(self._pending) > 1:
            return WaitTimeout(f"{len(self._pending)} tasks have not ended after {timeout:g} s")
        [(task_id, task)] = self._pending.items()
        state = "waited for" if task is None else task["state"]
        return WaitTimeout(f"task {task_id} is still {state} after {timeout:g} s")
