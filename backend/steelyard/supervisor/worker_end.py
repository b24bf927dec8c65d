"""The end of a worker: how it is noticed or brought about, and what it means for its task and its row."""

from __future__ import annotations

import asyncio
import logging

from steelyard.machine import containment, identity
from steelyard.machine.logs import read_file_tail
from steelyard.rules.states import Cause, WorkerState
from steelyard.store import claims, workers
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor import attempts, spawn, views
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

LAST_WORDS = 1.0
"""Seconds from the death of an agent to the end of the wait for its pipe."""


def kill(handle: WorkerHandle) -> None:
    """End an agent and its whole tree; what it left behind comes up to the sidecar and is ended there."""
    process = handle.process
    if process is None or process.returncode is not None or handle.identity is None:
        return
    if identity.is_same(process.pid, handle.identity):
        containment.end_tree(process.pid)


def check(yard: Yard) -> tuple[int, int]:
    """The checks that need no message: how many workers were too late, how many were found dead."""
    return _expire(yard), _reap(yard)


def _expire(yard: Yard) -> int:
    """End workers that have not shaken hands in time; how many."""
    now = yard.clocks.awake()
    late = [
        h
        for h in yard.handles.values()
        if h.heartbeat is None and not h.gone and now - h.started > yard.settings.worker_startup_timeout
    ]
    for handle in late:
        handle.fault = f"it did not start within {yard.settings.worker_startup_timeout:g} s"
        kill(handle)
    return len(late)


def _reap(yard: Yard) -> int:
    """End workers whose process is gone though their pipe is open (a grandchild may hold it); how many.

    What the agent said last may still be in the pipe, so its reader has LAST_WORDS to get there first.
    """
    now = yard.clocks.awake()
    dead = 0
    for handle in list(yard.handles.values()):
        if handle.gone or handle.pid is None or identity.is_same(handle.pid, handle.identity or ""):
            handle.dead_since = None
        elif handle.dead_since is None:
            handle.dead_since = now
        elif now - handle.dead_since >= LAST_WORDS:
            dead += 1
            handle.gone, handle.fault = True, handle.fault or "its process was gone"
            if handle.reader is not None:
                handle.reader.cancel()
            on_end(yard, handle)
    return dead


def sweep(yard: Yard) -> None:
    """End what workers that are gone left to the sidecar. Not while one is being started: its process may be
    there already, and nobody knows its pid yet.
    """
    if yard.sweep_due and all(h.gone or h.process is not None for h in yard.handles.values()):
        yard.sweep_due = False
        # Not one either that has just left: its exit status is still to be read, by whoever started it.
        processes = [h.process for h in yard.handles.values() if h.process is not None]
        keep = frozenset(process.pid for process in processes if process.returncode is None)
        containment.end_orphans(keep)


def on_end(yard: Yard, handle: WorkerHandle) -> None:
    """A worker's process has ended: its orphans are ended, its attempt and its row get their outcome."""
    yard.sweep_due = True
    sweep(yard)
    state, reason = _ending(handle)
    oom = None
    if state is WorkerState.FAILED and handle.process is not None and handle.process.returncode == -9:
        oom = yard.scale.oom_struck()
        if oom is not None:
            reason = f"{reason}, by the kernel for want of memory: {oom}"
    level = logging.WARNING if state is WorkerState.FAILED else logging.INFO
    log.log(level, "worker %s is %s: %s", handle.worker_id, state, reason)
    attempt = handle.attempt
    tail = "" if state is WorkerState.DEAD else read_file_tail(str(spawn.worker_log(yard, handle)), 1000)

    def apply(change: Change) -> None:
        for open_attempt in claims.open_of_worker(change, handle.worker_id):
            cause = Cause.SIDECAR_LOST if yard.stopping else Cause.WORKER_LOST
            if handle.aborted:
                cause = Cause.ABORTED
            elif oom is not None:
                cause = Cause.KERNEL_OOM
            outcome = Outcome(
                cause=cause,
                evidence=f"worker {handle.worker_id}: {reason}",
                duration=attempt.ran_for(yard.clocks.awake()) if attempt else None,
                peak_memory=(attempt.peak or None) if attempt else None,
                cpu_seconds=(attempt.cpu_seconds or None) if attempt else None,
                progress=attempt.progress if attempt else None,
                message=attempt.message if attempt else "",
            )
            attempts.end_attempt(
                yard, change, open_attempt["task_id"], open_attempt["number"], handle.worker_id, outcome
            )
        view = views.worker(yard, handle, state=state, reason=reason, error_tail=tail, ended=True)
        workers.move(
            change,
            handle.worker_id,
            handle.state,
            state,
            view,
            reason=reason,
            error_tail=tail,
            ended_at=yard.clocks.wall(),
            heartbeat_at=handle.heartbeat_wall,
        )

    def record() -> None:
        yard.database.change(apply, "end_worker").add_done_callback(recorded)

    def recorded(future: asyncio.Future[None]) -> None:
        if future.cancelled() or future.exception() is not None:
            yard.unrecorded.append(record)
            return
        yard.handles.pop(handle.worker_id, None)
        handle.state, handle.attempt = state, None
        handle.deny()
        if state is WorkerState.FAILED and not yard.leaving:
            yard.crashes_in_a_row += 1
            yard.owed += yard.settings.replace_crashed_workers
        handle.ended.set()
        yard.hurry()

    record()


def _ending(handle: WorkerHandle) -> tuple[WorkerState, str]:
    """DEAD when it was meant to end, FAILED when it ended by itself; with the reason."""
    returncode = handle.process.returncode if handle.process is not None else None
    if handle.end_reason is not None and handle.fault is None and (returncode == 0 or handle.dismissed):
        return WorkerState.DEAD, handle.end_reason
    if handle.fault is not None:
        return WorkerState.FAILED, handle.fault
    if handle.heartbeat is None:
        return WorkerState.FAILED, f"it ended while it was starting (status {returncode})"
    if returncode is not None and returncode < 0:
        return WorkerState.FAILED, f"it crashed: ended by signal {-returncode}"
    return WorkerState.FAILED, f"it crashed: status {returncode}"
