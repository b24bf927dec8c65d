"""The two clients: the same methods, one blocks and one is awaited."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from steelyard.client.address import Address
from steelyard.client.async_connection import AsyncConnection, AsyncHands
from steelyard.client.bound import Asynchronous, Synchronous
from steelyard.client.connection import Connection, Hands
from steelyard.client.errands import Errands
from steelyard.client.exchange import Call
from steelyard.client.steps import Give, Plan, Stream

T = TypeVar("T")

TIMEOUT = 60.0
PATIENCE = 30.0


def _log(text: str) -> None:
    """Whoever waits is told why, in the log: Python writes it to stderr unless logging is set up."""
    logging.getLogger("steelyard.client").warning("%s", text)


class Client(Errands, Synchronous):
    """A conversation with one sidecar. Use it in a `with` statement, or call close()."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        data_dir: Path | None = None,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        tell: Callable[[str], object] = _log,
    ) -> None:
        """url is "http://127.0.0.1:<port>", token that of runtime/sidecar.json.

        data_dir: where the record of the next sidecar will lie, if this one ends; timeout: seconds a request;
        patience: seconds that a sidecar may be gone while something waits for it; tell: is called with a
        sentence when that happens, or when a task is waited for and no worker is there; without it, it is
        logged as a warning.
        """
        self.patience = patience
        self.connection = Connection(Address(url, token, data_dir), timeout, monotonic, sleep, tell)

    @classmethod
    def find(
        cls,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        tell: Callable[[str], object] = _log,
    ) -> Self:
        """A client of the sidecar on data_dir (without it: STEELYARD_DATA_DIR, else the platform's).

        It finds the next sidecar on that directory by itself. NoSidecar, with the reason, if none runs.
        """
        found = Address.find(data_dir)
        return cls(
            found.url, found.token, data_dir=found.data_dir, timeout=timeout, patience=patience, tell=tell
        )

    def close(self) -> None:
        """End the conversation; tasks and workers go on."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, call: Call[T]) -> T:
        """Exchange one request for its answer."""
        return self.connection.send(call)

    def carry_out(self, plan: Plan[T]) -> T:
        """Do the steps of a plan; what it comes to."""
        with closing(plan), closing(Hands(self.connection)) as hands:
            try:
                step = next(plan)
                while True:
                    try:
                        reply = hands.do(step)
                    except Exception as error:
                        step = plan.throw(error)
                    else:
                        step = plan.send(reply)
            except StopIteration as end:
                value: T = end.value
                return value

    def stream(self, plan: Stream[T]) -> Generator[T, None, None]:
        """Do the steps of a plan as its items are asked for."""
        with closing(plan), closing(Hands(self.connection)) as hands:
            try:
                step = next(plan)
                while True:
                    if isinstance(step, Give):
                        yield step.item
                        step = next(plan)
                        continue
                    try:
                        reply = hands.do(step)
                    except Exception as error:
                        step = plan.throw(error)
                    else:
                        step = plan.send(reply)
            except StopIteration:
                return


class AsyncClient(Errands, Asynchronous):
    """A conversation with one sidecar, for asyncio. Use it in an `async with` statement, or await close()."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        data_dir: Path | None = None,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        tell: Callable[[str], object] = _log,
    ) -> None:
        """As for Client."""
        self.patience = patience
        self.connection = AsyncConnection(Address(url, token, data_dir), timeout, monotonic, sleep, tell)

    @classmethod
    def find(
        cls,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        tell: Callable[[str], object] = _log,
    ) -> Self:
        """As Client.find(); it reads one small file, so it is not awaited."""
        found = Address.find(data_dir)
        return cls(
            found.url, found.token, data_dir=found.data_dir, timeout=timeout, patience=patience, tell=tell
        )

    async def close(self) -> None:
        """End the conversation; tasks and workers go on."""
        await self.connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, call: Call[T]) -> T:
        """Exchange one request for its answer."""
        return await self.connection.send(call)

    async def carry_out(self, plan: Plan[T]) -> T:
        """Do the steps of a plan; what it comes to."""
        hands = AsyncHands(self.connection)
        try:
            step = next(plan)
            while True:
                try:
                    reply = await hands.do(step)
                except Exception as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(reply)
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            plan.close()
            await hands.close()

    async def stream(self, plan: Stream[T]) -> AsyncGenerator[T, None]:
        """Do the steps of a plan as its items are asked for."""
        hands = AsyncHands(self.connection)
        try:
            step = next(plan)
            while True:
                if isinstance(step, Give):
                    yield step.item
                    step = next(plan)
                    continue
                try:
                    reply = await hands.do(step)
                except Exception as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(reply)
        except StopIteration:
            return
        finally:
            plan.close()
            await hands.close()
