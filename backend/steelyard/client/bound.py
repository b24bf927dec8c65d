"""How one table of calls serves two clients: each entry blocks on a Client and is awaited on an AsyncClient.

An entry is written once, as a function that makes a Call or a plan. Here it becomes a method: on a
Synchronous client it answers with the value, on an Asynchronous one with a coroutine (or an async iterator)
of it. The types follow, parameters included.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from steelyard.client.exchange import Call
from steelyard.client.steps import Plan, Stream

P = ParamSpec("P")
T = TypeVar("T")


class Synchronous(ABC):
    """A client that blocks."""

    @abstractmethod
    def send(self, call: Call[T]) -> T:
        """Exchange one request for its answer."""

    @abstractmethod
    def carry_out(self, plan: Plan[T]) -> T:
        """Do the steps of a plan; what it comes to."""

    @abstractmethod
    def stream(self, plan: Stream[T]) -> Generator[T, None, None]:
        """Do the steps of a plan as its items are asked for."""


class Asynchronous(ABC):
    """A client that awaits."""

    @abstractmethod
    async def send(self, call: Call[T]) -> T:
        """Exchange one request for its answer."""

    @abstractmethod
    async def carry_out(self, plan: Plan[T]) -> T:
        """Do the steps of a plan; what it comes to."""

    @abstractmethod
    def stream(self, plan: Stream[T]) -> AsyncGenerator[T, None]:
        """Do the steps of a plan as its items are asked for."""


class _Entry:
    """What the three kinds of entries share: they look and read like the methods that they become."""

    _how: str
    """The method of a client that takes what the entry makes."""

    def __init__(self, make: Callable[..., Any]) -> None:
        how = self._how

        @functools.wraps(make)
        def method(client: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(client, how)(make(client, *args, **kwargs))

        # help() shows what the caller gets: Task, not Call[Task].
        signature = inspect.signature(make)
        inner = str(signature.return_annotation).partition("[")[2].removesuffix("]")
        method.__signature__ = signature.replace(return_annotation=inner)  # type: ignore[attr-defined]
        self._make = make
        self._method = method
        self.__doc__ = make.__doc__
        self.__wrapped__ = method

    def __call__(self, client: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Client.name(client, ...) is client.name(...)."""
        return self._method(client, *args, **kwargs)

    def _bind(self, client: Any) -> Any:
        return self if client is None else MethodType(self._method, client)


class Route(_Entry, Generic[P, T]):
    """One route of the server: the function makes a Call."""

    _how = "send"

    def __init__(self, make: Callable[Concatenate[Any, P], Call[T]]) -> None:
        super().__init__(make)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        """The Call alone, for a plan."""
        made: Call[T] = self._make(None, *args, **kwargs)
        return made

    @overload
    def __get__(self, client: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, client: Synchronous, owner: type[object]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type[object]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type[object]) -> Any:
        return self._bind(client)


class Errand(_Entry, Generic[P, T]):
    """Several requests that come to one value: the function makes a Plan."""

    _how = "carry_out"

    def __init__(self, make: Callable[Concatenate[Any, P], Plan[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, client: Synchronous, owner: type[object]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type[object]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type[object]) -> Any:
        return self._bind(client)


class Streamed(_Entry, Generic[P, T]):
    """Items, one after the other: the function makes a Stream."""

    _how = "stream"

    def __init__(self, make: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, client: Synchronous, owner: type[object]) -> Callable[P, Generator[T, None, None]]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type[object]) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, client: Any, owner: type[object]) -> Any:
        return self._bind(client)
