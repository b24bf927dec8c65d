"""An ear that outlives its WebSocket: it reconnects, resumes, and finds a sidecar that was started again.

Where no WebSocket can be had, it says so (`polling`), and whoever listens looks for himself.
"""

from __future__ import annotations

from collections.abc import Iterable

from steelyard.client.errors import NoAnswer, NoSidecar, refusal_of
from steelyard.client.exchange import Call
from steelyard.client.messages import STORED, Message
from steelyard.client.steps import (
    Dropped,
    FindAgain,
    Listen,
    Pause,
    Plan,
    T,
    Tell,
    ask,
    now,
    receive,
)
from steelyard.rules.errors import AtCapacity, NotFound, ShuttingDown, SteelyardError, Unauthorised

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks, or two tries."""
LOST = (NoSidecar, NoAnswer, ShuttingDown, Unauthorised)
"""What a sidecar that is being started again may answer with."""


class Pauses:
    """Pauses that grow from one to the next, and start small again when something has happened."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        """Something has happened."""
        self._next = FIRST_PAUSE

    def take(self, most: float | None = None) -> Plan[None]:
        """Let the next one pass, at most `most` seconds of it."""
        seconds = self._next if most is None else min(self._next, max(0.0, most))
        self._next = min(self._next * 1.5, LONGEST_PAUSE)
        yield Pause(seconds)


class Patience:
    """How long, in seconds, a sidecar may be gone before waiting for it ends with NoSidecar."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lost_at: float | None = None
        self._pauses = Pauses()

    def ask(self, call: Call[T]) -> Plan[T]:
        """The answer to a request that may be made twice, from this sidecar or the one that follows it."""
        while True:
            try:
                answer = yield from ask(call)
            except LOST as error:
                yield from self.endure(error)
            else:
                yield from self.relieved()
                return answer

    def endure(self, error: SteelyardError) -> Plan[None]:
        """Pass some time, then look for another sidecar; raises when that has gone on for too long."""
        moment = yield from now()
        if self._lost_at is None:
            self._lost_at = moment
            yield Tell(f"{error.message}; waiting up to {self._seconds:g} s for it to come back")
        try:
            found: bool | None = yield FindAgain()
        except NoSidecar as why:
            error, found = why, False
        else:
            if isinstance(error, Unauthorised) and not found:
                # The record names the very one that refuses us: time will not change that.
                raise error
        if found:
            return
        if moment - self._lost_at >= self._seconds:
            raise error
        yield from self._pauses.take()

    def relieved(self) -> Plan[None]:
        """It is there."""
        if self._lost_at is not None:
            self._lost_at = None
            self._pauses.reset()
            yield Tell("the sidecar is back")


class Ear:
    """Listens to a sidecar's changes; `seq` is the last one heard. topics: what comes only to who asks."""

    def __init__(self, patience: Patience, topics: Iterable[str] = (), since: int | None = None) -> None:
        self.seq = since
        self.polling = False
        """Whether there is no WebSocket: hear() then only lets some time pass."""
        self.connections = 0
        """How often a WebSocket was opened: more of them than before, and what is not stored was missed."""
        self._patience = patience
        self._topics = tuple(topics)
        self._open = self._heard = False
        self._pauses = Pauses()

    def lively(self) -> None:
        """Something goes on: look again soon, where there is only looking."""
        self._pauses.reset()

    def hear(self, within: float | None = None) -> Plan[Message | None]:
        """The next message. None: nothing within that time, connected again, or time to look for oneself.

        After a snapshot whatever was known must be looked at again; else every stored message comes once.
        """
        while not self.polling:
            if not self._open:
                resumed = yield from self._connect()
                if resumed:
                    # Stored messages are told again; what is not stored was missed.
                    return None
                continue
            try:
                message = yield from receive(within)
            except Dropped:
                self._open = False
                if not self._heard:
                    # One that takes us in only to send us away is not to be asked as fast as it answers.
                    yield from self._pauses.take(within)
                continue
            if message is None:
                return None
            self._take(message)
            return message
        yield from self._pauses.take(within)
        return None

    def _take(self, message: Message) -> None:
        self._heard = True
        self._pauses.reset()
        kind: str = message["type"]
        if kind == "error":
            raise refusal_of(message) or NoSidecar("what answers is not Steelyard")
        if kind in STORED:
            self.seq = message["seq"]

    def _connect(self) -> Plan[bool]:
        """Open the WebSocket, or find that there is none; whether it goes on where another one ended."""
        while True:
            try:
                yield Listen(self.seq, self._topics)
            except (AtCapacity, NotFound):
                self.polling = True
                return False
            except LOST as error:
                yield from self._patience.endure(error)
            else:
                self._open, self._heard = True, False
                self.connections += 1
                yield from self._patience.relieved()
                return self.seq is not None
