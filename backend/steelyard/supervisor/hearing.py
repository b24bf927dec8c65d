"""What an agent says, and who answers it:

    ready        the handshake, here
    heartbeat    here
    started, progress, remark, checkpointed, output, suspended, absent, ended
                 attempts.HANDLERS, if they are of the attempt that the worker holds

A message that a fault of ours keeps from being handled costs neither the attempt nor, but for the handshake,
the worker.
"""

from __future__ import annotations

import hmac
import logging
from typing import Any

from steelyard.machine import identity
from steelyard.machine.faultpoints import reach
from steelyard.rules import messages
from steelyard.rules.states import WorkerState
from steelyard.store import claims, workers
from steelyard.store.database import Change
from steelyard.supervisor import attempts, guarding, outcomes, views, worker_end
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)


def on_message(yard: Yard, handle: WorkerHandle, message: dict[str, Any]) -> None:
    """One message of an agent."""
    reach(message["type"], "received")
    try:
        _hear(yard, handle, message)
    except Exception as error:
        _misheard(yard, handle, message, error)


def _hear(yard: Yard, handle: WorkerHandle, message: dict[str, Any]) -> None:
    type_ = message["type"]
    if handle.heartbeat is None and type_ != "ready":
        handle.fault = f"the worker said {type_} before its handshake"
        worker_end.kill(handle)
        return
    handle.heartbeat, handle.heartbeat_wall = yard.clocks.awake(), yard.clocks.wall()
    if type_ == "ready":
        _greet(yard, handle, message)
    elif type_ == "heartbeat":
        if not message.get("warm"):
            handle.warm = None
    elif attempts.is_current(handle, message):
        assert handle.attempt is not None
        attempts.HANDLERS[type_](yard, handle, handle.attempt, message)


def _misheard(yard: Yard, handle: WorkerHandle, message: dict[str, Any], error: Exception) -> None:
    """A fault of ours with a message: it is told once of a type, and what must follow does follow."""
    type_ = message["type"]
    if type_ not in handle.misheard:
        handle.misheard.add(type_)
        log.error("%s of worker %s could not be handled", type_, handle.worker_id, exc_info=error)
    if type_ == "ready":
        _refuse(handle, "the sidecar could not take its handshake; its log says why")
    elif attempts.is_current(handle, message) and handle.attempt is not None:
        attempt = handle.attempt
        if type_ == "ended":
            outcome = attempts.by_exit_status(message)
            outcomes.conclude(yard, handle, attempt, outcome, [outcomes.ALONE])
            return
        sentence = (
            f"Steelyard met a fault of its own with a message of the worker ({type_}): what it said is "
            "missing here. The run went on; the sidecar's log says more."
        )
        yard.note(lambda change: claims.remark(change, attempt.task_id, attempt.number, [sentence]))


def _greet(yard: Yard, handle: WorkerHandle, message: dict[str, Any]) -> None:
    """The handshake: the launch token works once, for this worker id only."""
    right = handle.token and hmac.compare_digest(str(message["token"]).encode(), handle.token.encode())
    handle.token = ""
    if not right or message["worker_id"] != handle.worker_id or message["v"] != messages.VERSION:
        _refuse(handle, "its handshake was refused: wrong, used or missing launch token, or another version")
        return

    def apply(change: Change) -> bool:
        old = handle.state
        if old is WorkerState.STARTING:
            view = views.worker(yard, handle, state=WorkerState.RUNNING)
            return workers.move(
                change,
                handle.worker_id,
                old,
                WorkerState.RUNNING,
                view,
                pid=handle.pid,
                identity=handle.identity,
                executable=identity.executable_of(handle.pid) if handle.pid else None,
            )
        return False

    def done(moved: bool) -> None:
        if moved:
            handle.state = WorkerState.RUNNING
        yard.hurry()
        handle.leave_if_drained()

    def failed(error: BaseException) -> None:
        log.error("the handshake of worker %s could not be recorded", handle.worker_id, exc_info=error)
        _refuse(handle, f"its handshake could not be recorded: {error}")

    # It shakes hands once only: what the disk refuses for now is written later.
    guarding.record(yard, apply, "greet", done=done, failed=failed)


def _refuse(handle: WorkerHandle, why: str) -> None:
    handle.fault = why
    worker_end.kill(handle)
