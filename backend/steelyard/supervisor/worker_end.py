"""The end of a worker: how it is noticed or brought about, and what it means for its task and its row."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from steelyard.machine import containment, identity
from steelyard.machine.logs import read_file_tail
from steelyard.rules.states import Cause, WorkerState
from steelyard.store import claims, workers
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor import grouping, notices, outcomes, shared_leftovers, spawn, views, workspaces
from steelyard.supervisor.following import Ended, Following
from steelyard.supervisor.guarding import record, safely
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
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
    """End workers whose process is gone though their pipe is open (a grandchild may hold it), and those that
    nobody listens to any more; how many.

    What the agent said last may still be in the pipe, so its reader has LAST_WORDS to get there first.
    """
    now = yard.clocks.awake()
    dead = 0
    for handle in list(yard.handles.values()):
        handle.leave_if_drained()
        if handle.end_asked:
            continue
        listening = handle.reader is not None and not handle.reader.done()
        if not listening and (handle.gone or handle.reader is not None):
            dead += 1
            handle.fault = handle.fault or "the sidecar stopped listening to it; its log says why"
            kill(handle)
            handle.gone = True
            on_end(yard, handle)
        elif handle.gone or handle.pid is None or identity.is_same(handle.pid, handle.identity or ""):
            handle.dead_since = None
        elif handle.dead_since is None:
            handle.dead_since = now
        elif now - handle.dead_since >= LAST_WORDS and not _ending_is_read(handle):
            dead += 1
            handle.gone, handle.fault = True, handle.fault or "its process was gone"
            if handle.reader is not None:
                handle.reader.cancel()
            on_end(yard, handle)
    return dead


def _ending_is_read(handle: WorkerHandle) -> bool:
    """Whether its task has ended and its result is just being read: that comes first."""
    attempt = handle.attempt
    return attempt is not None and attempt.ending is not None and not attempt.ending.done()


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
    safely("leaving its group", lambda: grouping.leave(yard, handle), None)
    safely("ending what a worker left behind", lambda: sweep(yard), None)
    state, reason = _ending(handle)
    oom = None
    if state is WorkerState.FAILED and handle.process is not None and handle.process.returncode == -9:
        oom = safely("asking for out-of-memory kills", yard.scale.oom_struck, None)
        if oom is not None:
            reason = f"{reason}, by the kernel for want of memory: {oom}"
    level = logging.WARNING if state is WorkerState.FAILED else logging.INFO
    log.log(level, "worker %s is %s: %s", handle.worker_id, state, reason)
    tail = ""
    if state is not WorkerState.DEAD:
        path = spawn.worker_log(yard, handle)
        tail = safely("reading the log of a worker", lambda: read_file_tail(str(path), 1000), "")
    cause = Cause.SIDECAR_LOST if yard.stopping else Cause.WORKER_LOST
    if handle.aborted:
        cause = Cause.ABORTED
    elif oom is not None:
        cause = Cause.KERNEL_OOM
    outcome = Outcome(cause, evidence=f"worker {handle.worker_id}: {reason}")
    _WorkersEnd(yard, handle, state, reason, tail, outcome).write()
    handle.end_asked = True


class _WorkersEnd:
    """The end of one worker, and of the attempt that it held, on their way into the database."""

    def __init__(
        self, yard: Yard, handle: WorkerHandle, state: WorkerState, reason: str, tail: str, outcome: Outcome
    ) -> None:
        self._yard = yard
        self._handle = handle
        self._state = state
        self._reason = reason
        self._tail = tail
        self._outcome = outcome
        """Of an attempt of which nothing better is known."""
        self._plainly = False
        self._held: RunningAttempt | None = None

    def write(self) -> None:
        """Ask for both in one change, and for what the attempt teaches in another."""
        record(self._yard, self._apply, "end_worker", done=self._done, failed=self._failed)

    def _apply(self, change: Change) -> list[Ended]:
        yard, handle = self._yard, self._handle
        ended = []
        for row in claims.open_of_worker(change, handle.worker_id):
            outcome = self._outcome_of(row)
            if self._plainly:
                outcome = outcomes.at_least(outcome)
            found = outcomes.end_attempt(
                yard,
                change,
                row["task_id"],
                row["number"],
                handle.worker_id,
                outcome,
                plainly=self._plainly,
            )
            ended += [] if found is None else [found]
        tail = "" if self._plainly else self._tail
        view = views.worker(yard, handle, state=self._state, reason=self._reason, error_tail=tail, ended=True)
        workers.move(
            change,
            handle.worker_id,
            handle.state,
            self._state,
            view,
            reason=self._reason,
            error_tail=tail,
            ended_at=yard.clocks.wall(),
            heartbeat_at=handle.heartbeat_wall,
        )
        return ended

    def _outcome_of(self, row: dict[str, Any]) -> Outcome:
        """How an attempt ended that the worker still holds: as its agent said, if it did; else: lost."""
        attempt = self._handle.attempt
        if attempt is None or (attempt.task_id, attempt.number) != (row["task_id"], row["number"]):
            return self._outcome
        if attempt.outcome is not None:
            return attempt.outcome
        return replace(
            self._outcome,
            duration=attempt.ran_for(self._yard.clocks.awake()),
            peak_memory=attempt.peak or None,
            cpu_seconds=attempt.cpu_seconds or None,
            progress=attempt.progress,
            message=attempt.message,
        )

    def _done(self, ended: list[Ended]) -> None:
        yard, handle = self._yard, self._handle
        # Should this fail half-way, it is done once more, and finds the attempt let go of.
        attempt = self._held = handle.attempt or self._held
        yard.handles.pop(handle.worker_id, None)
        handle.state, handle.attempt = self._state, None
        handle.deny()
        if attempt is not None:
            ended_well = attempt.outcome is not None and attempt.outcome.cause is Cause.SUCCEEDED
            workspaces.over(yard, attempt, succeeded=ended_well)
            shared_leftovers.look(yard, attempt)
        if self._state is WorkerState.FAILED and not yard.leaving:
            yard.crashes_in_a_row += 1
            yard.owed += yard.settings.replace_crashed_workers
        handle.ended.set()
        yard.hurry()
        for one in ended:
            held = attempt is not None and (attempt.task_id, attempt.number) == (
                one.row["id"],
                one.row["attempt"],
            )
            Following(yard, attempt if held else None, one, recorded=True).keep()

    def _failed(self, error: BaseException) -> None:
        log.error("the end of worker %s could not be recorded", self._handle.worker_id, exc_info=error)
        if not self._plainly:
            self._plainly = True
            self.write()
            return
        # Its row is put right by the next start, and the next turn gives its task back.
        text = f"The end of worker {self._handle.worker_id} cannot be recorded ({error}); the log says more."
        safely("telling of it", lambda: notices.give(self._yard, "fault", text), None)
        self._done([])


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
