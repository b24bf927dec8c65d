"""At the start: end what an earlier run left behind, and give its tasks back to the queue.

Nothing is decided by age, name or port: a process is ended only if PID, identity and executable are those
recorded, or if it inherited the environment of an attempt that was running.
Running it twice changes nothing, so a crash in the midst of it does no harm.
"""

from __future__ import annotations

import logging
from functools import partial

from steelyard.machine import containment
from steelyard.machine.faultpoints import reach
from steelyard.machine.processes.heirs import end_heirs
from steelyard.rules.states import Cause, WorkerState
from steelyard.store import claims, workers
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor import outcomes, shared_leftovers, views, workspaces
from steelyard.supervisor.following import Ended, teach
from steelyard.supervisor.guarding import safely
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)


def recover(yard: Yard) -> int:
    """End what is left of the last sidecar's processes, and give its tasks back; returns how many workers
    lived when it went.
    """
    left = workers.live(yard.database)
    running = claims.open_attempts(yard.database)
    reach("recover", "before_kill")
    ended = 0
    for row in [*left, *running]:
        if row["pid"] and row["identity"] and row["executable"]:
            ended += containment.end_known(row["pid"], row["identity"], row["executable"])
    outputs = [str(yard.data.attempt(row["task_id"], row["number"]) / "output") for row in running]
    ended += end_heirs("STEELYARD_OUTPUT_DIR", outputs)
    if ended:
        log.warning("ended %d processes that an earlier run had left", ended)

    lost: list[Ended] = []

    def apply(change: Change) -> None:
        now = yard.clocks.wall()
        for attempt in claims.open_attempts(change):
            ended = outcomes.end_attempt(
                yard,
                change,
                attempt["task_id"],
                attempt["number"],
                attempt["worker_id"],
                Outcome(
                    cause=Cause.SIDECAR_LOST,
                    evidence="the sidecar ended while this attempt ran",
                    peak_memory=attempt["peak_memory"],
                    cpu_seconds=attempt["cpu_seconds"],
                ),
            )
            lost.extend([] if ended is None else [ended])
        for row in workers.live(change):
            reason = "the sidecar ended"
            view = {**views.ended_worker(row), "state": str(WorkerState.DEAD), "reason": reason}
            workers.move(
                change,
                row["id"],
                WorkerState(row["state"]),
                WorkerState.DEAD,
                view,
                reason=reason,
                ended_at=now,
            )

    yard.database.change_now(apply, "recover")
    for one in lost:
        safely("learning from an attempt that was lost", partial(_learn, yard, one), None)
    for row in running:
        shared_leftovers.look_after(
            yard, row["task_id"], row["number"], row["started_at"], alone=len(running) == 1
        )
    workspaces.catch_up(yard)
    return len(left)


def _learn(yard: Yard, ended: Ended) -> None:
    yard.database.change_now(lambda change: teach(yard, change, ended, None))
