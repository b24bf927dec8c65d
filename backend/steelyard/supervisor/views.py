"""What clients see of workers and of the whole yard: JSON values, with live figures laid over the rows."""

from __future__ import annotations

from typing import Any

from steelyard.machine import identity
from steelyard.rules import admission
from steelyard.rules.admission import Admission, LiveWorker
from steelyard.rules.states import LIVE_WORKERS, TaskState, WorkerState
from steelyard.rules.timestamps import iso
from steelyard.store import tasks, workers
from steelyard.supervisor.scale import live_workers
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

View = dict[str, Any]

QUIET_AFTER = 30 * 60.0
"""Seconds of awake time without output, progress and CPU use, after which a task is called quiet: a
hint for a person, nothing more.
"""
STALLED_AFTER = 180.0
"""Seconds of awake time without heartbeat, or 3 intervals if that is more."""


def eta(yard: Yard, attempt: RunningAttempt) -> str | None:
    """When a running attempt will be done by its own progress:

    ISO-8601, or None while that cannot be told.
    """
    remaining = attempt.remaining(yard.clocks.awake())
    return None if remaining is None else iso(yard.clocks.wall() + remaining)


def worker(
    yard: Yard,
    handle: WorkerHandle,
    *,
    state: WorkerState | None = None,
    reason: str | None = None,
    error_tail: str = "",
    ended: bool = False,
) -> View:
    """A live worker as clients see it; the keywords tell what a change is about to make of it."""
    attempt = None if ended else handle.attempt
    state = state or handle.state
    use = handle.use
    shown = state in (WorkerState.RUNNING, WorkerState.DRAINING) and not ended
    silent = max(STALLED_AFTER, 3 * handle.heartbeat_interval)
    age = None if handle.heartbeat is None else max(0.0, yard.clocks.awake() - handle.heartbeat)
    dead = not ended and handle.pid is not None and not identity.is_same(handle.pid, handle.identity or "")
    return {
        "worker_id": handle.worker_id,
        "pid": handle.pid,
        "state": str(state),
        "heartbeat": iso(handle.heartbeat_wall),
        "memory": (use.memory if use else 0) if shown else None,
        "cpu": (round(use.cpu, 1) if use else 0.0) if shown else None,
        "started_at": iso(handle.started_wall),
        "heartbeat_age": None if age is None else round(age, 1),
        "stalled": not ended and age is not None and age > silent,
        "dead": dead,
        "queue": handle.queue,
        "reason": reason or handle.fault or handle.end_reason,
        "error_tail": error_tail,
        "forced": handle.forced,
        "tasks_done": handle.tasks_done,
        "tasks_failed": handle.tasks_failed,
        "task": None if attempt is None else _task_of(yard, attempt),
    }


def _task_of(yard: Yard, attempt: RunningAttempt) -> View:
    return {
        "task_id": attempt.task_id,
        "simulation": attempt.simulation,
        "label": attempt.label,
        "attempt": attempt.number,
        "progress": attempt.progress,
        "eta": eta(yard, attempt),
        "checkpoint_at": iso(attempt.checkpoint_wall),
        "unsaved": round(attempt.unsaved(yard.clocks.awake()), 1),
        "suspended": attempt.suspended,
        "quiet": not attempt.suspended and yard.clocks.awake() - attempt.last_sign > QUIET_AFTER,
    }


def ended_worker(row: View) -> View:
    """A worker that has ended, from its row."""
    return {
        "worker_id": row["id"],
        "pid": row["pid"],
        "state": row["state"],
        "heartbeat": iso(row["heartbeat_at"]),
        "memory": None,
        "cpu": None,
        "started_at": iso(row["started_at"]),
        "heartbeat_age": None,
        "stalled": False,
        "dead": False,
        "queue": row["queue"],
        "reason": row["reason"],
        "error_tail": row["error_tail"],
        "forced": bool(row["forced"]),
        "tasks_done": row["tasks_done"],
        "tasks_failed": row["tasks_failed"],
        "task": None,
    }


def all_workers(yard: Yard) -> list[View]:
    """Every listed worker, the live ones with their live figures, in the order in which they were started."""
    views = []
    for row in workers.listed(yard.database):
        handle = yard.handles.get(row["id"])
        if handle is not None:
            views.append(worker(yard, handle))
        elif WorkerState(row["state"]) not in LIVE_WORKERS:
            views.append(ended_worker(row))
    return views


def figures(yard: Yard) -> list[View]:
    """Memory and CPU of the live workers, for whoever draws their trend."""
    return [
        {
            "worker_id": h.worker_id,
            "memory": h.use.memory,
            "cpu": round(h.use.cpu, 1),
            "heartbeat": iso(h.heartbeat_wall),
        }
        for h in yard.handles.values()
        if h.use is not None
    ]


LOOKED_AT = 256
"""Waiting tasks whose smallest claim counts."""


def next_claim(yard: Yard) -> int:
    """Bytes that one more worker is weighed by: the smallest claim that waits, since that task may pass those
    which do not fit; the default where none waits. Of a small machine that was told nothing, what is free.
    """
    least = tasks.smallest_claim(yard.database, yard.settings.worker_queue_name, LOOKED_AT)
    return _alone(yard, yard.scale.default_peak(yard.settings) if least is None else least)


def _alone(yard: Yard, claim: int) -> int:
    return yard.scale.alone(yard.settings, claim, live_workers(yard.handles.values()))


def admission_of(yard: Yard, live: list[LiveWorker]) -> Admission:
    """How many workers the machine bears, beside these live ones."""
    settings, scale = yard.settings, yard.scale
    return admission.admissible(
        scale.view(settings),
        live,
        len(live),
        next_claim(yard),
        scale.cores(settings),
        settings.worker_max_count,
    )


def closable(yard: Yard, missing: int) -> list[View]:
    """What a person could close so that `missing` bytes come free: {"name", "memory"}; [] if none helps.

    By the programs that were seen last; whoever answers only once awaits scale.programs.fresh() before.
    """
    chosen = admission.to_close(yard.scale.programs.seen, missing)
    return [{"name": name, "memory": size} for name, size in chosen]


def limits(yard: Yard) -> View:
    """What the machine admits, and what bounds it."""
    active = len(yard.handles)
    found = admission_of(yard, live_workers(yard.handles.values()))
    head = tasks.runnable(yard.database, yard.settings.worker_queue_name, 1)
    first = int(head[0]["claim"]) if head else None
    return {
        "admissible": found.admissible,
        "active": active,
        "can_add": active < found.admissible,
        "no_capacity": found.admissible == 0,
        "hard_cap": yard.settings.worker_max_count,
        "physical_cores": yard.scale.cores(yard.settings),
        "peak_per_worker": next_claim(yard),
        "next_claim": first,
        "next_fits": None if first is None else first <= found.headroom or _alone(yard, first) < first,
        "bound_by": found.bound_by,
    }


def memory(yard: Yard) -> View:
    """The machine's memory, bytes and per cent."""
    reading = yard.scale.reading
    return {
        "total": reading.total,
        "available": reading.available,
        "used": reading.used,
        "percent": round(reading.percent, 1),
        "guard": yard.scale.view(yard.settings).guard,
        "pressure": reading.pressure,
    }


def queue(yard: Yard) -> View:
    """How many tasks are in which state, and who has paused the queue."""
    counts = tasks.counts(yard.database)
    return {
        "pending": counts.get(TaskState.READY, 0),
        "running": counts.get(TaskState.RUNNING, 0),
        "succeeded": counts.get(TaskState.SUCCEEDED, 0),
        "failed": counts.get(TaskState.FAILED, 0),
        "cancelled": counts.get(TaskState.CANCELLED, 0),
        "paused": yard.pause.by,
    }


def storage(yard: Yard) -> View:
    """Whether the database takes changes now, and in words why not."""
    trouble = yard.database.condition.trouble
    if trouble is None:
        return {"state": "ok", "message": None, "since": None}
    return {"state": trouble.kind.value, "message": trouble.text, "since": iso(trouble.since)}


def status(yard: Yard) -> View:
    """The whole of `GET /api/workers/status/`."""
    return {
        "workers": all_workers(yard),
        "limits": limits(yard),
        "memory": memory(yard),
        "queue": queue(yard),
        "seq": yard.feed.last_seq,
    }
