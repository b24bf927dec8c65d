"""Start a worker process and listen to it until its pipe closes."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steelyard.machine import containment, identity
from steelyard.machine.faultpoints import reach
from steelyard.machine.paths import make_log_folder
from steelyard.machine.programs import worker_command
from steelyard.rules import messages
from steelyard.supervisor import grouping
from steelyard.supervisor.guarding import watch
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

LOG_BYTES = 10 * 1000 * 1000
LOG_BACKUPS = 3
OnMessage = Callable[[WorkerHandle, dict[str, Any]], None]
OnEnd = Callable[[WorkerHandle], None]


def new_handle(yard: Yard, worker_id: str, *, queue: str, forced: bool) -> WorkerHandle:
    """The handle of a worker that is about to be started, with a launch token of its own."""
    return WorkerHandle(
        worker_id,
        queue,
        secrets.token_hex(32),
        forced,
        yard.clocks.awake(),
        yard.clocks.wall(),
        heartbeat_interval=yard.settings.worker_heartbeat_interval,
        low_priority=yard.settings.low_priority,
    )


def worker_log(yard: Yard, handle: WorkerHandle) -> Path:
    """Where a worker's own log lies."""
    return yard.data.worker_log(handle.worker_id, yard.settings.worker_log_dir)


async def spawn(yard: Yard, handle: WorkerHandle, on_message: OnMessage, on_end: OnEnd) -> None:
    """Start the agent and greet it. OSError when the system cannot start it.

    Runs on the loop's own thread throughout: the kernel's parent-death signal follows the thread that
    spawned.
    """
    path = worker_log(yard, handle)
    make_log_folder(path.parent)
    options: dict[str, Any] = {**containment.worker_options()}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    reach("worker", "before_spawn")
    try:
        handle.process = await asyncio.create_subprocess_exec(
            *worker_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=descriptor,
            **options,
        )
    finally:
        os.close(descriptor)
    reach("worker", "after_spawn")
    handle.identity = identity.identity_of(handle.process.pid)
    await grouping.join(yard, handle, handle.process.pid)
    handle.send(
        "hello",
        v=messages.VERSION,
        worker_id=handle.worker_id,
        token=handle.token,
        heartbeat=handle.heartbeat_interval,
        parent={"pid": os.getpid(), "identity": identity.identity_of(os.getpid())},
        log={"path": str(path), "bytes": LOG_BYTES, "backups": LOG_BACKUPS},
    )
    handle.reader = asyncio.get_running_loop().create_task(_listen(handle, on_message, on_end))
    # The next turn finds that nobody listens, and ends the worker.
    watch(handle.reader, f"listening to worker {handle.worker_id}", lambda why: yard.hurry())


async def _listen(handle: WorkerHandle, on_message: OnMessage, on_end: OnEnd) -> None:
    process = handle.process
    assert process is not None and process.stdout is not None
    lines = messages.Lines()
    while data := await process.stdout.read(65536):
        try:
            for line in lines.feed(data):
                on_message(handle, messages.decode(line, messages.FROM_WORKER))
        except messages.MessageError as error:
            handle.fault = f"the worker sent what is no message: {error}"
            break
        except Exception:
            # A fault of ours. The worker cannot be followed any further, and must not run on unwatched.
            log.exception("a message of worker %s could not be handled", handle.worker_id)
            handle.fault = "the sidecar could not handle a message of this worker; its log says why"
            break
    handle.gone = True
    if process.stdin is not None:
        process.stdin.close()
    if handle.fault or process.returncode is None:
        await _exit_or_end(handle, process)
    if handle.attempt is not None and handle.attempt.ending is not None:
        # It has told of the end of its task: that comes first, with the result.
        await asyncio.wait((handle.attempt.ending,))
    on_end(handle)


async def _exit_or_end(handle: WorkerHandle, process: asyncio.subprocess.Process) -> None:
    """Wait for an agent whose pipe is closed; one that lingers or speaks nonsense is ended with its tree.

    Lingering is a fault, but for one that was told to leave: on a busy machine its last steps take long.
    """
    if handle.fault is None:
        try:
            async with asyncio.timeout(1.0):
                await process.wait()
            return
        except TimeoutError:
            if handle.leaving:
                handle.dismissed = True
            else:
                handle.fault = "the worker closed its pipe and did not leave"
    if process.returncode is None and identity.is_same(process.pid, handle.identity or ""):
        containment.end_tree(process.pid)
    await process.wait()
