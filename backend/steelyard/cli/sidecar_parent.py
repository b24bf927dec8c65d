"""The pipes between the sidecar and the program that embeds it:

the hello, the orders, the events, and the parent's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import hmac
import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from steelyard.machine import hangup, identity
from steelyard.machine.paths import DataDirectory, data_directory
from steelyard.rules.errors import StartError

WATCH_INTERVAL = 2.0
"""Seconds between two looks at the parent's process, should its pipe stay open in another."""
HELLO_LIMIT = 64 * 1024
ORDER_LIMIT = 4 * 1024 * 1024
"""Bytes of one line of stdin; a longer one is none. No system gives a program a larger environment."""

_TOKEN = re.compile(r"[0-9a-fA-F]{64}")


class _Parent(msgspec.Struct):
    pid: int


class _HelloLine(msgspec.Struct):
    v: int
    token: str
    instance: str
    nonce: str
    parent: _Parent
    data_dir: str | None = None
    workers: int | str = 0
    environment_follows: bool = False


class Order(msgspec.Struct):
    """One line of stdin after the hello: ping, power, shutdown, or the user's environment."""

    type: str
    event: str | None = None
    mode: str = "stop"
    deadline_s: float | None = None
    """Within so many seconds. None: 10 for a stop, no limit for a drain."""
    variables: dict[str, str] = {}
    source: str = ""
    left_out: list[str] = []
    note: str | None = None


class Parent(NamedTuple):
    """The process that started the sidecar; identity None: there was none of that pid."""

    pid: int
    identity: str | None


class ParentPipe:
    """Standard input, line by line.

    Read from the descriptor itself: a thread that waits in sys.stdin's buffer holds a lock that the
    interpreter wants when it ends.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def line(self, limit: int = ORDER_LIMIT) -> bytes | None:
        """The next line without its newline, waiting for it; None at the end. ValueError for one over limit
        bytes.
        """
        too_long = False
        while b"\n" not in self._rest:
            data = os.read(self._descriptor, 65_536)
            if not data:
                break
            self._rest += data
            if len(self._rest) > limit and b"\n" not in self._rest:
                too_long, self._rest = True, b""
        line, newline, self._rest = self._rest.partition(b"\n")
        if not (line or newline or too_long):
            return None
        if too_long or len(line) > limit:
            raise ValueError(f"the line is longer than {limit} bytes")
        return line


@dataclass(frozen=True, slots=True)
class Hello:
    """What a start is told:

    the token (64 hex digits), who starts it, where its data lies, how many workers.
    """

    token: str
    instance: str
    nonce: str
    parent: Parent | None
    data: DataDirectory
    workers: int | str
    environment_follows: bool = False
    """Whether the user's environment comes as an order; no task starts before."""

    @classmethod
    def read(cls, stdin: ParentPipe) -> Self:
        """The hello from the first line of stdin. StartError bad_configuration when it is none."""
        try:
            line = stdin.line(HELLO_LIMIT)
            if line is None:
                raise ValueError("stdin ended before a line came")
            hello = msgspec.json.decode(line, type=_HelloLine)
            if hello.v != 1:
                raise ValueError(f"version {hello.v} is not known, this program speaks version 1")
            if not _TOKEN.fullmatch(hello.token):
                raise ValueError("token: 64 hexadecimal digits are wanted")
            if isinstance(hello.workers, str) and hello.workers != "restore":
                raise ValueError('workers: a number or "restore" is wanted')
            if isinstance(hello.workers, int) and not 0 <= hello.workers <= 256:
                raise ValueError("workers: a number from 0 to 256 is wanted")
        except (msgspec.DecodeError, ValueError) as error:
            raise StartError(
                "bad_configuration",
                f"The first line of stdin is no hello: {error}.",
                "Start the sidecar from the program that belongs to it, or without --hello.",
            ) from None
        path = Path(hello.data_dir) if hello.data_dir else data_directory(os.environ)
        return cls(
            hello.token,
            hello.instance,
            hello.nonce,
            # Now, not when the watch begins: a migration may lie between, and the pid be another's by then.
            Parent(hello.parent.pid, identity.identity_of(hello.parent.pid)),
            DataDirectory(path.absolute()),
            hello.workers,
            hello.environment_follows,
        )

    def proof(self, port: int) -> str:
        """HMAC-SHA256 with the token's bytes over nonce, instance and port:

        only who got this hello can make it.
        """
        text = f"{self.nonce}{self.instance}{port}".encode()
        return hmac.new(bytes.fromhex(self.token), text, hashlib.sha256).hexdigest()


def say(event: str, **fields: Any) -> None:
    """One event on stdout, which carries nothing else. A reader that has gone is noticed at stdin."""
    # The name of a folder may hold bytes that are no text; JSON cannot.
    shown = {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }
    try:
        sys.stdout.buffer.write(msgspec.json.encode({"event": event, **shown}) + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        return


class Orders:
    """The lines after the hello, read by a thread: Windows has no other way to wait for such a pipe.

    Until follow() they wait. A parent that goes before that ends the process at once: whatever it is at (a
    check of the database, a migration in its transaction) can be broken off, and no child is there yet.
    """

    def __init__(self, stdin: ParentPipe) -> None:
        self._stdin = stdin
        self._lock = threading.Lock()
        self._early: list[Order] = []
        self._hear: Callable[[Order | None], None] | None = None
        threading.Thread(target=self._read, name="orders", daemon=True).start()
        hangup.end()

    def follow(self, on_order: Callable[[Order], None], on_end: Callable[[], None]) -> None:
        """From now on hand each order to on_order and the end to on_end, on the running loop."""
        loop = asyncio.get_running_loop()

        def hear(order: Order | None) -> None:
            call = on_end if order is None else functools.partial(on_order, order)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and so has everything else
                loop.call_soon_threadsafe(call)

        with self._lock:
            self._hear = hear
            for order in self._early:
                hear(order)

    def _read(self) -> None:
        while True:
            order = self._next()
            with self._lock:
                if self._hear is not None:
                    self._hear(order)
                elif order is not None:
                    self._early.append(order)
                else:
                    os._exit(0)
            if order is None:
                return

    def _next(self) -> Order | None:
        try:
            line = self._stdin.line()
            return None if line is None else msgspec.json.decode(line, type=Order)
        except OSError:
            return None
        except (msgspec.DecodeError, ValueError):
            return Order("unreadable")


def end_for_certain(seconds: float) -> None:
    """End this process in so many seconds if it lives then; from a thread, for the loop may hang."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def watch_parent(parent: Parent, on_end: Callable[[], None]) -> None:
    """The second line of defence: call on_end when that process is gone, or its pid is another's."""
    while parent.identity is not None and identity.is_same(parent.pid, parent.identity):
        await asyncio.sleep(WATCH_INTERVAL)
    on_end()
