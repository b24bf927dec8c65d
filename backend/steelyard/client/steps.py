"""What takes more than one request, as a plan: a generator that yields steps and is sent what came of each.

A plan knows the order and the reasons and touches nothing; the two clients carry its steps out, one by
blocking, one by awaiting. So waiting, following and reconnecting are written once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from steelyard.client.exchange import Call
from steelyard.client.messages import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listen:
    """Open the WebSocket, in the place of one that is open; from `since` on, or with a snapshot.

    Raises what a request would, for a handshake that is refused as well.
    """

    since: int | None
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receive:
    """The WebSocket's next message; None after `within` seconds without one. Raises Dropped."""

    within: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Let seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class FindAgain:
    """Read the sidecar's record again and speak to the one it names from now on; whether that is another.

    Raises NoSidecar if the record leads nowhere. None where this client knows of no record.
    """


@dataclass(frozen=True, slots=True)
class Fetch:
    """Write what is at an address of the sidecar to a file, which is complete or untouched."""

    path: str
    target: Path


@dataclass(frozen=True, slots=True)
class Tell:
    """Say a sentence to whoever wants to know why it takes so long."""

    text: str


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """One item of a stream."""

    item: T


class Dropped(Exception):
    """The WebSocket is closed, by whom and for whatever reason."""


Step: TypeAlias = Call[Any] | Listen | Receive | Pause | Now | FindAgain | Fetch | Tell
Plan: TypeAlias = Generator[Step, Any, T]
"""Steps, and at their end a value."""
Stream: TypeAlias = Generator[Step | Give[T], Any, None]
"""Steps, and items on the way."""


def ask(call: Call[T]) -> Plan[T]:
    """The answer to one request."""
    answer: T = yield call
    return answer


def receive(within: float | None) -> Plan[Message | None]:
    """The next message, or None."""
    message: Message | None = yield Receive(within)
    return message


def now() -> Plan[float]:
    """Monotonic seconds."""
    moment: float = yield Now()
    return moment


def collect(stream: Stream[T], most: int | None = None) -> Plan[list[T]]:
    """The items of a stream, at most so many of them, as one value."""
    found: list[T] = []
    try:
        step = next(stream)
        while True:
            if isinstance(step, Give):
                found.append(step.item)
                if len(found) == most:
                    return found
                step = next(stream)
                continue
            try:
                reply = yield step
            except Exception as error:
                step = stream.throw(error)
            else:
                step = stream.send(reply)
    except StopIteration:
        return found
    finally:
        stream.close()
