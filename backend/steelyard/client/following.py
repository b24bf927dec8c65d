"""Following a task's output: pushed over the WebSocket's log channel, fetched where a push leaves a gap."""

from __future__ import annotations

from steelyard.client.answers import LogText, Task
from steelyard.client.calls import Calls
from steelyard.client.listening import Ear, Patience
from steelyard.client.messages import LogMessage, Message
from steelyard.client.steps import Give, Plan, Stream
from steelyard.client.waiting import Watch, tell_of_no_worker
from steelyard.rules.states import ENDED_TASKS

_SECOND_LOOKS = (0.5, 2.0)
"""Seconds of silence after which to look once more: a subscription is not confirmed, and output that came
just before it took hold would show only with the next."""


class Following:
    """The output of one task from byte `offset` on; of an attempt after that one, from its start."""

    def __init__(
        self,
        task_id: str,
        offset: int,
        attempt: int | None,
        patience: float,
        watch: Watch | None,
        raw: bool = False,
    ) -> None:
        self._raw = raw
        self._task_id = task_id
        self._offset = offset
        self._attempt = attempt
        self._watch = watch
        self._patience = Patience(patience)
        topics = (f"log:{task_id}", "progress") if watch else (f"log:{task_id}",)
        self._ear = Ear(self._patience, topics)
        self._task: Task | None = None

    def stream(self) -> Stream[LogText]:
        """Pieces as they are written, until the task has ended and all of them were given."""
        looks: list[float] = []
        connections = 0
        while True:
            # The state first: what was written before an end is then certainly in the pieces read after it.
            first = self._task is None
            ended = yield from self._look()
            if first and self._watch is None:
                yield from tell_of_no_worker([self._task])
            yield from self._catch_up()
            if ended:
                return
            while True:
                message = yield from self._ear.hear(looks[0] if looks else self._beat())
                if message is None:
                    looks = looks[1:]
                if self._ear.connections != connections:
                    connections, looks = self._ear.connections, list(_SECOND_LOOKS)
                if message is None:
                    break
                if message["type"] == "log":
                    piece = self._pushed(message)
                    if piece is None:
                        yield from self._catch_up()
                    elif piece["text"]:
                        yield Give(piece)
                elif message["type"] == "snapshot" or self._concerns(message):
                    break

    def _beat(self) -> float | None:
        """Who watches a task that waits is told why, which is in no message."""
        waits = self._watch is not None and self._task is not None and self._task["state"] == "READY"
        return 1.0 if waits else None

    def _concerns(self, message: Message) -> bool:
        if message["type"] == "task":
            return message["task"]["task_id"] == self._task_id
        if message["type"] == "progress" and message["task_id"] == self._task_id and self._task is not None:
            self._task["progress"] = message["progress"]
            self._task["message"] = message["message"]
            self._task["eta"] = message["eta"]
            if self._watch is not None:
                self._watch(self._task)
        return False

    def _look(self) -> Plan[bool]:
        self._task = task = yield from self._patience.ask(Calls.task.call(self._task_id))
        if self._watch is not None:
            self._watch(task)
        return task["state"] in ENDED_TASKS

    def _catch_up(self) -> Stream[LogText]:
        """What is written and was not given yet."""
        while True:
            piece = yield from self._patience.ask(
                Calls.log.call(self._task_id, offset=self._offset, raw=self._raw or None)
            )
            if self._attempt not in (None, piece["attempt"]):
                # A retry began: its output from its start.
                self._attempt, self._offset = piece["attempt"], 0
                continue
            self._attempt = piece["attempt"]
            if piece["text"] or piece.get("base64"):
                self._ear.lively()
                yield Give(piece)
            before, self._offset = self._offset, piece.get("next", self._offset)
            if self._offset <= before or self._offset >= piece["size"]:
                return

    def _pushed(self, message: LogMessage) -> LogText | None:
        """What is new in a push; None if that cannot be told, or lies behind a gap."""
        text, start = message["text"], message["offset"]
        # A byte that was no text stands as one character of three bytes: then its length tells nothing.
        if self._raw or message["task_id"] != self._task_id or "\N{REPLACEMENT CHARACTER}" in text:
            return None
        if message["attempt"] != self._attempt or start > self._offset:
            return None
        data = text.encode()
        end = start + len(data)
        if end > self._offset:
            text = data[self._offset - start :].decode("utf-8", "ignore")
            start, self._offset = self._offset, end
        else:
            text, start, end = "", self._offset, self._offset
        return {"text": text, "offset": start, "next": end, "size": end, "attempt": message["attempt"]}
