"""A change that waits for its turn, and whoever asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from steelyard.machine.faultpoints import reach

if TYPE_CHECKING:
    from steelyard.store.database import Change

T = TypeVar("T")


class Asked(Generic[T]):
    """The change, and what became of it."""

    __slots__ = ("apply", "error", "future", "result", "step")

    def __init__(self, apply: Callable[[Change], T], step: str, future: asyncio.Future[T] | None) -> None:
        self.apply = apply
        self.step = step
        self.future = future
        self.result: T | None = None
        self.error: Exception | None = None

    def answer(self) -> None:
        """Resolve the future of the change, unless whoever waited for it has gone."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # T may itself be None


def reach_all(batch: list[Asked[Any]], moment: str) -> None:
    """Say that each of these that has a name among the fault points has come to this moment."""
    for asked in batch:
        if asked.step and asked.error is None:
            reach(asked.step, moment)
