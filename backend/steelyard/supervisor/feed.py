"""Tells listeners of every change, in the form in which the WebSocket carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steelyard.store import events
from steelyard.store.database import Database
from steelyard.store.events import Event

Message = dict[str, Any]
Listener = Callable[[Message], None]

REPLAY_LIMIT = 10_000
"""Changes; whoever missed more is served better and sooner by a snapshot."""


class Feed:
    """Fans stored events (with their own `seq`) and passing news (with the last one) out to listeners."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []
        self.last_seq = events.last_seq(database)
        database.on_commit.append(self._committed)

    @property
    def has_listeners(self) -> bool:
        """Whether anybody would hear."""
        return bool(self._listeners)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call listener with every message from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def say(self, type_: str, **fields: Any) -> None:
        """News that is not stored: queue, memory, progress, log."""
        self._send({"type": type_, "seq": self.last_seq, **fields})

    def replay(self, since: int) -> list[Message] | None:
        """Every stored message after `since`, oldest first;

        None when the log cannot tell (too old, or not yet).
        """
        if since > self.last_seq or since < events.first_seq(self._database) - 1:
            return None
        if self.last_seq - since > REPLAY_LIMIT:
            return None
        return [_message(event) for event in events.since(self._database, since, REPLAY_LIMIT)]

    def _committed(self, committed: list[Event]) -> None:
        for event in committed:
            self.last_seq = event.seq
            self._send(_message(event))

    def _send(self, message: Message) -> None:
        for listener in tuple(self._listeners):
            listener(message)


def _message(event: Event) -> Message:
    return {"type": event.kind, "seq": event.seq, event.kind: event.data}
