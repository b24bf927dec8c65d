"""What holds when a step of ours fails: the rest goes on, and it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from steelyard.rules.errors import ShuttingDown, StorageFull
from steelyard.store.database import Change
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)
T = TypeVar("T")


def safely(what: str, work: Callable[[], T], otherwise: T) -> T:
    """What `work` returns; if it raises, `otherwise`, and the log says that `what` failed, and how."""
    try:
        return work()
    except Exception:
        log.exception("%s failed", what)
        return otherwise


def in_background(yard: Yard, work: Coroutine[Any, Any, object], what: str) -> None:
    """Run a coroutine that nobody waits for; the log says if it fails."""

    def done(task: asyncio.Task[object]) -> None:
        yard.errands.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", what, exc_info=task.exception())

    task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work)
    yard.errands.add(task)
    task.add_done_callback(done)


def record(
    yard: Yard,
    apply: Callable[[Change], T],
    step: str,
    *,
    done: Callable[[T], None],
    failed: Callable[[BaseException], None],
    refused: Callable[[], None] | None = None,
) -> None:
    """Make a change that must come to be, and call one of these after it: plain functions all.

    done: with what `apply` returned, once that is committed; again, should it raise. failed: with an error of
    ours, which the next try would meet again. refused: the storage takes nothing now; by default a later turn
    tries again.
    """

    def ask() -> None:
        try:
            future = yard.database.change(apply, step)
        except Exception:
            log.exception("%s could not be asked for; a later turn tries again", step)
            yard.unrecorded.append(ask)
        else:
            future.add_done_callback(answered)

    def answered(future: asyncio.Future[T]) -> None:
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, StorageFull | ShuttingDown):
            if refused is not None:
                refused()
            else:
                yard.unrecorded.append(ask)
        elif error is not None:
            failed(error)
        else:
            follow(future.result())

    def follow(result: T) -> None:
        try:
            done(result)
        except Exception:
            log.exception("what follows %s failed; a later turn tries again", step)
            yard.unrecorded.append(lambda: follow(result))

    ask()


def watch(task: asyncio.Task[Any], what: str, lost: Callable[[str], None]) -> None:
    """Call `lost` with a sentence should a task that is meant to run on end with an error; it is logged."""

    def ended(done: asyncio.Task[Any]) -> None:
        if done.cancelled() or done.exception() is None:
            return
        log.critical("%s has stopped", what, exc_info=done.exception())
        lost(f"{what} has stopped: {done.exception()!r}")

    task.add_done_callback(ended)
