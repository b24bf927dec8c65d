"""Tells listeners of every change, in the form in which the WebSocket carries it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from steelyard.store import events
from steelyard.store.database import Database
from steelyard.store.events import Event

log = logging.getLogger(__name__)

Message = dict[str, Any]
Listener = Callable[[Message], None]

REPLAY_LIMIT = 10_000
"""Changes; whoever missed more is served better and sooner by a snapshot."""

PAGE = 50
"""Changes that are read at one go for whoever missed some: a millisecond or two, for each of many who do."""


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

    def replay(self, since: int) -> Iterator[list[Message]] | None:
        """Every stored message after `since` that was told by now, oldest first, in pages read one by one.

        None when the log cannot tell (too old, or not yet).
        """
        if since > self.last_seq or since < events.first_seq(self._database) - 1:
            return None
        if self.last_seq - since > REPLAY_LIMIT:
            return None
        return self._pages(since, self.last_seq)

    def _pages(self, since: int, last: int) -> Iterator[list[Message]]:
        while since < last:
            page = events.since(self._database, since, min(PAGE, last - since))
            if not page or page[0].seq != since + 1:
                raise LookupError(f"change {since + 1} is not kept any more")
            since = page[-1].seq
            yield [_stored(event) for event in page]

    def _committed(self, committed: list[Event]) -> None:
        for event in committed:
            self.last_seq = event.seq
            self._send(_message(event))

    def _send(self, message: Message) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(message)
            except Exception:
                # Whoever cannot hear must not cost anybody else what is being done.
                log.exception("a listener could not be told of %s", message["type"])


def _stored(event: Event) -> Message:
    """The same with its data as the text that is kept: it is only sent on."""
    return {"type": event.kind, "seq": event.seq, event.kind: msgspec.Raw(event.text.encode())}


def _message(event: Event) -> Message:
    return {"type": event.kind, "seq": event.seq, event.kind: event.data}
