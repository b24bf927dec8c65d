"""The pipes between the sidecar and the program that embeds it:

the hello, the orders, the events, and the parent's end.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from steelyard.machine import identity
from steelyard.machine.paths import DataDirectory, data_directory
from steelyard.rules.errors import StartError

WATCH_INTERVAL = 2.0
"""Seconds between two looks at the parent's process (DESIGN section 1)."""
LINE_LIMIT = 64 * 1024


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


class Order(msgspec.Struct):
    """One line of stdin after the hello: ping, power or shutdown."""

    type: str
    event: str | None = None
    mode: str = "stop"
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Hello:
    """What a start is told:

    the token (64 hex digits), who starts it, where its data lies, how many workers.
    """

    token: str
    instance: str
    nonce: str
    parent: int | None
    data: DataDirectory
    workers: int | str

    @classmethod
    def read(cls, stdin: IO[bytes]) -> Self:
        """The hello from the first line of stdin. StartError bad_configuration when it is none."""
        # Byte by byte from the descriptor: what follows the line must stay there for the thread that reads
        # orders.
        line = stdin.readline(LINE_LIMIT)
        try:
            hello = msgspec.json.decode(line, type=_HelloLine)
            if hello.v != 1:
                raise ValueError(f"version {hello.v} is not known, this program speaks version 1")
            if len(bytes.fromhex(hello.token)) != 32:
                raise ValueError("token: 32 bytes as hex are wanted")
            if isinstance(hello.workers, str) and hello.workers != "restore":
                raise ValueError('workers: a number or "restore" is wanted')
            if isinstance(hello.workers, int) and not 0 <= hello.workers <= 256:
                raise ValueError("workers: 0 to 256")
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
            hello.parent.pid,
            DataDirectory(path.absolute()),
            hello.workers,
        )

    def proof(self, port: int) -> str:
        """HMAC-SHA256 with the token's bytes over nonce, instance and port:

        only who got this hello can make it.
        """
        text = f"{self.nonce}{self.instance}{port}".encode()
        return hmac.new(bytes.fromhex(self.token), text, hashlib.sha256).hexdigest()


def say(event: str, **fields: Any) -> None:
    """One event on stdout, which carries nothing else. A reader that has gone is noticed at stdin."""
    try:
        sys.stdout.buffer.write(msgspec.json.encode({"event": event, **fields}) + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        return


def read_orders(stdin: IO[bytes], on_order: Callable[[Order], None], on_end: Callable[[], None]) -> None:
    """Hand every line of stdin to on_order and its end to on_end, on the running loop; from a thread of its
    own.

    A thread, because Windows has no other way to wait for a pipe that somebody else made.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        while line := stdin.readline(LINE_LIMIT):
            try:
                order = msgspec.json.decode(line, type=Order)
            except msgspec.DecodeError:
                order = Order("unreadable")
            loop.call_soon_threadsafe(on_order, order)
        loop.call_soon_threadsafe(on_end)

    threading.Thread(target=read, name="orders", daemon=True).start()


async def watch_parent(pid: int, on_end: Callable[[], None]) -> None:
    """The second line of defence:

    call on_end when the process that is `pid` now is gone, or is another one.
    """
    known = identity.identity_of(pid)
    while known is not None and identity.is_same(pid, known):
        await asyncio.sleep(WATCH_INTERVAL)
    on_end()
