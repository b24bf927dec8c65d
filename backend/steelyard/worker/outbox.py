"""Messages on their way to the sidecar: never blocking, bounded, in order.

If the sidecar is slow, news that newer news replaces (heartbeat, progress, output, checkpointed) waits in one
place each; what must arrive (started, ended, suspended) waits in a queue that one task at a time keeps short.
"""

from __future__ import annotations

from steelyard.machine.faultpoints import reach
from steelyard.machine.waiting import Waiter
from steelyard.rules import messages

KEY = "sidecar"
"""The Waiter's key of the pipe to the sidecar."""


class SidecarGone(Exception):
    """Nobody reads the pipe to the sidecar any more."""


class Outbox:
    """Sends messages through the Waiter's writer KEY; SidecarGone when there is no reader."""

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self._rest = b""
        self._newest: dict[str, bytes] = {}

    @property
    def is_empty(self) -> bool:
        """Whether all has left."""
        return not self._rest

    def send(self, type_: str, **fields: object) -> None:
        """A message that must arrive, after all that were given before."""
        reach(type_, "before_send")
        self._push(b"".join(self._newest.values()) + messages.encode(type_, **fields))
        self._newest.clear()
        reach(type_, "after_send")

    def offer(self, type_: str, **fields: object) -> None:
        """A message that a newer one of its type may replace while the pipe is full."""
        line = messages.encode(type_, **fields)
        if self._rest:
            self._newest.pop(type_, None)
            self._newest[type_] = line
        else:
            reach(type_, "before_send")
            self._push(line)
            reach(type_, "after_send")

    def flush(self) -> None:
        """The pipe takes more: give it what waits."""
        rest, self._rest = self._rest, b""
        self._push(rest)
        if not self._rest and self._newest:
            waiting = b"".join(self._newest.values())
            self._newest.clear()
            self._push(waiting)

    def _push(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
        elif data:
            try:
                self._rest = data[self._waiter.write(KEY, data) :]
            except OSError as error:
                raise SidecarGone(error.strerror or str(error)) from None


class AttemptOutbox:
    """The outbox of one attempt: its messages carry the attempt's fence (task_id, attempt)."""

    def __init__(self, outbox: Outbox, task_id: str, attempt: int) -> None:
        self._outbox = outbox
        self._task_id = task_id
        self._attempt = attempt

    def send(self, type_: str, **fields: object) -> None:
        """See Outbox.send()."""
        self._outbox.send(type_, task_id=self._task_id, attempt=self._attempt, **fields)

    def offer(self, type_: str, **fields: object) -> None:
        """See Outbox.offer()."""
        self._outbox.offer(type_, task_id=self._task_id, attempt=self._attempt, **fields)
