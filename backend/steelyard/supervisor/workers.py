"""Workers come and go: add, drain, abort, replace."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress

from steelyard.machine import containment
from steelyard.machine.faultpoints import reach
from steelyard.rules import admission
from steelyard.rules.errors import (
    AtCapacity,
    ConfirmationRequired,
    Conflict,
    InsufficientMemory,
    NoCores,
    NotFound,
    ShuttingDown,
    SteelyardError,
)
from steelyard.rules.quantities import format_duration, format_size
from steelyard.rules.states import WorkerState
from steelyard.store import workers
from steelyard.store.database import Change
from steelyard.supervisor import hearing, notices, spawn, views, worker_end
from steelyard.supervisor.scale import live_workers
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

CLOSED = "the program was closed"
"""Why a worker is DEAD that nobody drained or aborted."""

CRASHES_IN_A_ROW = 5
"""A worker that crashed is replaced at most so many times in a row: more would crash as well."""

LEAVING_WITHIN = 1.5
"""Seconds that an agent which is aborted has to end its task's tree and to go; then it is ended itself."""

LOOK_AGAIN = 5.0
"""Seconds until workers that memory has no room for are tried again."""


async def add(yard: Yard, force: bool) -> str:
    """Admit and start one worker; returns its id.

    InsufficientMemory, NoCores (neither with force), AtCapacity, ShuttingDown.
    """
    if yard.leaving:
        raise ShuttingDown("Steelyard is shutting down; no worker is started.")
    yard.settings = yard.read_settings()
    yard.scale.weigh()
    handle = spawn.new_handle(yard, secrets.token_hex(4), queue=yard.settings.worker_queue_name, forced=force)

    def apply(change: Change) -> None:
        _admit(yard, change, force)
        workers.insert(
            change,
            worker_id=handle.worker_id,
            queue=handle.queue,
            started_at=handle.started_wall,
            forced=force,
            view=views.worker(yard, handle),
        )

    await yard.database.change(apply, "add_worker")
    yard.handles[handle.worker_id] = handle
    if yard.departure.mode is not None:
        # The way out began while the row was committed, so whoever dismisses workers does not know this one.
        handle.end_reason, handle.dismissed, handle.gone = CLOSED, True, True
        worker_end.on_end(yard, handle)
        raise ShuttingDown("Steelyard is shutting down; no worker is started.")
    try:
        await spawn.spawn(
            yard, handle, lambda h, m: hearing.on_message(yard, h, m), lambda h: worker_end.on_end(yard, h)
        )
    except BaseException as error:
        # Also one of ours, or whoever asked for it going away: no handle stays that has no process.
        _not_started(yard, handle, error)
        if not isinstance(error, Exception):
            raise
    else:
        # Whoever aborted or dismissed it while there was no process yet reached nobody.
        if handle.dismissed:
            worker_end.kill(handle)
        elif yard.stopping:
            handle.dismiss(0.0)
    worker_end.sweep(yard)
    return handle.worker_id


def _not_started(yard: Yard, handle: WorkerHandle, error: BaseException) -> None:
    if not isinstance(error, OSError):
        log.error("worker %s could not be started", handle.worker_id, exc_info=error)
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    handle.gone, handle.fault = True, f"the worker could not be started: {why}"
    if handle.process is not None and handle.process.returncode is None:
        # Not reaped yet, so its pid is its own.
        containment.end_tree(handle.process.pid)
    worker_end.on_end(yard, handle)


def _admit(yard: Yard, change: Change, force: bool) -> None:
    """Raise what forbids one more worker. Counts rows, so adds of the same transaction see each other."""
    rows = workers.live(change)
    known = [yard.handles[row["id"]] for row in rows if row["id"] in yard.handles]
    live = live_workers(known) + [admission.LiveWorker(0, 0)] * (len(rows) - len(known))
    active, cap, cores = len(rows), yard.settings.worker_max_count, yard.scale.cores(yard.settings)
    memory, peak = yard.scale.view(yard.settings), views.next_claim(yard)
    refusal = admission.may_add(memory, live, active, peak, cores, cap, force=force)
    if refusal == "at_capacity":
        raise AtCapacity(
            f"{active} workers are there, and {cap} is the most (WORKER_MAX_COUNT).", hard_cap=cap
        )
    if refusal == "no_cores":
        raise NoCores(f"All {cores} cores are taken by {active} workers.", cores=cores)
    if refusal == "insufficient_memory":
        free = admission.headroom(memory, live, idle_claim=peak)
        raise InsufficientMemory(
            f"One more worker needs {format_size(peak)}, and {format_size(max(0, free))} are free for it.",
            need=peak,
            headroom=free,
        )


async def drain(yard: Yard, worker_id: str | None) -> str:
    """Let a worker, or the one that has run longest, finish its task and then leave; returns its id.

    NotFound, Conflict.
    """
    handle = _find(yard, worker_id) if worker_id else _longest_running(yard)
    if handle.state is not WorkerState.DRAINING:
        # From here on no task is claimed for it, whatever else the same transaction holds.
        handle.leaving = True
        try:
            await _move_to_draining(yard, handle)
        except BaseException:
            handle.leaving = False
            raise
        handle.leave_if_drained()
    return handle.worker_id


def _longest_running(yard: Yard) -> WorkerHandle:
    drainable = [h for h in yard.handles.values() if not h.gone and h.state is not WorkerState.DRAINING]
    if not drainable:
        raise NotFound("There is no worker to drain.")
    running = [h for h in drainable if h.state is WorkerState.RUNNING]
    return min(running or drainable, key=lambda h: h.started)


def _find(yard: Yard, worker_id: str) -> WorkerHandle:
    handle = yard.handles.get(worker_id)
    if handle is not None and not handle.gone:
        return handle
    row = workers.row(yard.database, worker_id)
    if row is None:
        raise NotFound(f"There is no worker {worker_id}.")
    raise Conflict(f"Worker {worker_id} is {row['state']}; it has ended already.", state=row["state"])


async def _move_to_draining(yard: Yard, handle: WorkerHandle) -> None:
    reason = "drained by the user"

    def apply(change: Change) -> None:
        view = views.worker(yard, handle, state=WorkerState.DRAINING, reason=reason)
        # Its handshake may be in the same transaction, so that the row is ahead of handle.state.
        old = (WorkerState.STARTING, WorkerState.RUNNING)
        if handle.gone or not workers.move(
            change, handle.worker_id, old, WorkerState.DRAINING, view, reason=reason
        ):
            raise Conflict(f"Worker {handle.worker_id} has just changed its state; nothing was done.")

    await yard.database.change(apply, "drain")
    handle.state, handle.end_reason = WorkerState.DRAINING, handle.end_reason or reason


async def abort(yard: Yard, worker_id: str, confirm: bool) -> str:
    """End a worker and the whole tree of its task, now. ConfirmationRequired, NotFound, Conflict."""
    handle = _find(yard, worker_id)
    if not confirm:
        lost = "it runs no task"
        if handle.attempt is not None:
            name = handle.attempt.label or handle.attempt.task_id
            unsaved = format_duration(round(handle.attempt.unsaved(yard.clocks.awake())))
            lost = (
                f"its task {name} loses {unsaved} of work, what it did since its last checkpoint or its start"
            )
        raise ConfirmationRequired(
            f"Aborting worker {worker_id} needs confirmation: {lost}.", worker_id=worker_id
        )
    handle.end_reason, handle.dismissed, handle.aborted = "aborted by the user", True, True
    reach("abort", "before_kill")
    try:
        await _end_softly(handle)
    finally:
        worker_end.kill(handle)
    reach("abort", "after_kill")
    await handle.ended.wait()
    return worker_id


async def _end_softly(handle: WorkerHandle) -> None:
    """Have the agent end its task at once and leave: what is large in the tree is ended, what cleans up after
    it (resource trackers, launchers) has a moment. An agent that does not answer is not waited for for long.
    """
    if handle.heartbeat is None or handle.gone:
        return
    attempt = handle.attempt
    if attempt is not None and not attempt.preparing:
        handle.send("stop", task_id=attempt.task_id, attempt=attempt.number, reason="aborted", grace=0.0)
    handle.dismiss(LEAVING_WITHIN)
    with suppress(TimeoutError):
        await asyncio.wait_for(handle.ended.wait(), LEAVING_WITHIN)


async def make_good(yard: Yard) -> None:
    """Start the workers that are owed, as far as they are admitted; who has no room waits until there is.

    Those that crash go on and on are not, and not those for which there is no place at all.
    """
    while yard.owed and not yard.leaving and yard.clocks.awake() >= yard.owed_again:
        if yard.crashes_in_a_row > CRASHES_IN_A_ROW:
            text = f"{yard.crashes_in_a_row} workers crashed in a row; no more are started by themselves."
            notices.give(yard, "workers", text, crashes=yard.crashes_in_a_row)
            yard.owed = 0
            return
        try:
            await add(yard, force=False)
        except (AtCapacity, NoCores, ShuttingDown) as error:
            log.warning("wanted workers that are not started: %d. %s", yard.owed, error.message)
            yard.owed = 0
        except SteelyardError as error:
            if not yard.owed_again:
                text = f"{_counted(yard.owed)} started when there is room: {error.message}"
                notices.give(yard, "workers", text, owed=yard.owed)
            yard.owed_again = yard.clocks.awake() + LOOK_AGAIN
        else:
            settle(yard, 1)
    if not yard.owed:
        yard.owed_again = 0.0


def settle(yard: Yard, count: int | None = None) -> None:
    """So many workers are owed no more; all of them where a person says anew how many there are to be."""
    yard.owed = 0 if count is None else max(0, yard.owed - count)


def _counted(count: int) -> str:
    return "Another worker is" if count == 1 else f"Another {count} workers are"


async def cleanup(yard: Yard, older_than: float) -> list[str]:
    """Take workers that ended more than older_than seconds ago off the list; their ids."""
    before = yard.clocks.wall() - older_than
    return await yard.database.change(lambda change: workers.cleanup(change, before))


async def add_as_admitted(yard: Yard, count: int, *, force: bool = False) -> list[str]:
    """Start up to count workers, and stop without complaint where the machine admits no more; their ids."""
    started: list[str] = []
    while len(started) < count:
        try:
            started.append(await add(yard, force=force))
        except (InsufficientMemory, AtCapacity, NoCores, ShuttingDown) as error:
            log.info("%d of %d workers are started: %s", len(started), count, error.message)
            break
    return started
