"""From what a client asks for to tasks in the queue: everything is checked before anything is written."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from steelyard.machine.beside import compute
from steelyard.rules import admission
from steelyard.rules.errors import (
    InvalidParameters,
    InvalidRequest,
    ShuttingDown,
    SteelyardError,
    WillNeverFit,
)
from steelyard.rules.quantities import format_size, parse_duration, parse_size
from steelyard.rules.sweep import expand
from steelyard.rules.timestamps import unix
from steelyard.settings.simulations import Simulation
from steelyard.store import sweeps, tasks
from steelyard.store.database import Change
from steelyard.store.sweeps import NewSweep
from steelyard.store.tasks import NewTask
from steelyard.supervisor.yard import Yard

Spec = dict[str, Any]
T = TypeVar("T")

CLOSELY = 256
"""Tasks of one request whose learned claims are told by their parameters at once; the others in time."""

SLICE = 25
"""Tasks of one request that are checked at one go: some milliseconds, with a dozen parameters each."""

AT_ONCE = 200
"""Tasks of one request that are queued on the loop, in some 10 ms; more are queued in a thread."""

BATCH_LIMIT = 10_000
"""Tasks in one request; whoever has more sends several."""


async def submit(yard: Yard, specs: list[Spec]) -> list[tuple[str, bool]]:
    """Queue tasks, all or none: (task id, whether it is new) for each spec, in their order.

    InvalidRequest, InvalidParameters, NotFound, WillNeverFit (of several tasks each says in detail["task"]
    which one it is, from 0), Conflict for a key whose task computes something else, ShuttingDown.
    """
    wanted = await _checked(yard, specs)
    submitted = await _written(yard, lambda change: tasks.insert(change, wanted), len(wanted))
    yard.hurry()
    return submitted


async def _checked(yard: Yard, specs: list[Spec]) -> list[NewTask]:
    """What is to be queued for specs, none of which could be refused any more. Raises as submit().

    Others are served between two slices of them.
    """
    _refuse_if_stopping(yard)
    if not specs:
        raise InvalidRequest("A batch needs at least one task.")
    if len(specs) > BATCH_LIMIT:
        raise InvalidRequest(f"{len(specs)} tasks are more than the {BATCH_LIMIT} that one request may hold.")
    yard.catalogue.reload()
    several = len(specs) > 1
    wanted: list[NewTask] = []
    for index, spec in enumerate(specs):
        if index and index % SLICE == 0:
            await asyncio.sleep(0)
            _refuse_if_stopping(yard)
        wanted.append(_numbered(yard, spec, index if several else None, roughly=index >= CLOSELY))
    return wanted


def _refuse_if_stopping(yard: Yard) -> None:
    if yard.stopping:
        raise ShuttingDown("Steelyard is shutting down; no task is taken.")


class SubmittedSweep(NamedTuple):
    """A sweep that is queued; task_ids in the order of its combinations. new: False if its key was known."""

    sweep_id: str
    task_ids: list[str]
    new: bool


async def submit_sweep(yard: Yard, spec: Spec) -> SubmittedSweep:
    """Queue one task for each combination of a sweep, or answer with the sweep that has its key already.

    Raises as submit(); Conflict for a key whose sweep computes something else.
    """
    sweep_id = secrets.token_hex(6)
    wanted = await _checked(yard, await compute(lambda: _specs(spec, sweep_id)))
    key = spec.get("key")
    sweep = NewSweep(
        id=sweep_id,
        simulation=wanted[0].simulation,
        name=spec.get("name") or "",
        key=key,
        digest=None if key is None else await compute(lambda: sweeps.digest_of(wanted)),
    )

    def apply(change: Change) -> SubmittedSweep:
        known = sweeps.insert(change, sweep)
        if known != sweep_id:
            return SubmittedSweep(known, sweeps.task_ids(change, known), new=False)
        return SubmittedSweep(sweep_id, [task_id for task_id, _ in tasks.insert(change, wanted)], new=True)

    submitted = await _written(yard, apply, len(wanted))
    yard.hurry()
    return submitted


async def _written(yard: Yard, apply: Callable[[Change], T], count: int) -> T:
    """What `apply` returns, which queues so many tasks, after its commit; many of them in a thread."""
    change = yard.database.change_long if count > AT_ONCE else yard.database.change
    return await change(apply, "submit")


def _specs(spec: Spec, sweep_id: str) -> list[Spec]:
    """The tasks of a sweep. InvalidRequest."""
    rows = expand(spec.get("base") or {}, grid=spec.get("grid"), rows=spec.get("rows"), limit=BATCH_LIMIT)
    shared = {k: v for k, v in spec.items() if k not in {"base", "grid", "rows", "name", "key"}}
    varied = sorted(
        {name for row in rows for name in row if name not in (spec.get("base") or {})} | _varied(rows)
    )
    return [
        {**shared, "parameters": row, "label": spec.get("label") or _label(row, varied), "sweep_id": sweep_id}
        for row in rows
    ]


def _varied(rows: list[dict[str, Any]]) -> set[str]:
    first = rows[0] if rows else {}
    return {name for row in rows for name in row if row[name] != first.get(name, row)}


def _label(row: dict[str, Any], varied: list[str]) -> str:
    """What tells one task of a sweep from the others."""
    return ", ".join(f"{name} {row[name]}" for name in varied if name in row)[:200]


def _numbered(yard: Yard, spec: Spec, index: int | None, *, roughly: bool) -> NewTask:
    """The task of a spec; a refusal says which of several it is about."""
    try:
        return _new_task(yard, spec, roughly=roughly)
    except SteelyardError as error:
        if index is not None:
            error.detail["task"] = index
            error.message = f"Task {index + 1} of the request: {error.message}"  # for people, from 1
            if isinstance(error, InvalidParameters):
                for wrong in error.detail["errors"]:
                    wrong["task"] = index
        raise


def _new_task(yard: Yard, spec: Spec, *, roughly: bool) -> NewTask:
    simulation = yard.catalogue.get(spec["simulation"])
    parameters = simulation.complete(spec.get("parameters") or {})
    claim = claim_of(yard, spec, simulation, parameters, roughly=roughly)
    view = yard.scale.view(yard.settings)
    if (
        claim.source in ("task", "simulation")
        and not spec.get("force")
        and admission.will_never_fit(claim.bytes, view.total, view.guard)
    ):
        most = view.total - view.guard
        raise WillNeverFit(
            f"{format_size(claim.bytes)} will never fit: this machine can give a task {format_size(most)} "
            f"at most ({format_size(view.total)} less a guard of {format_size(view.guard)}).",
            need=claim.bytes,
            most=most,
        )
    return NewTask(
        simulation=simulation.name,
        parameters=parameters,
        label=spec.get("label") or "",
        priority=spec.get("priority") or 0,
        queue=spec.get("queue") or "default",
        tags=spec.get("tags") or [],
        sweep_id=spec.get("sweep_id"),
        ordered=bool(spec.get("ordered")),
        key=spec.get("key"),
        not_before=_moment(spec.get("not_before")),
        after=spec.get("after") or [],
        timeout=_timeout(yard, spec, simulation),
        max_attempts=spec.get("attempts") or simulation.attempts,
        claim=claim.bytes,
        claim_source=claim.source,
        cores=simulation.cores_of(parameters),
        forced=bool(spec.get("force")),
    )


def claim_of(
    yard: Yard, spec: Spec, simulation: Simulation, parameters: dict[str, Any], *, roughly: bool = False
) -> admission.Claim:
    """What the task claims of the memory: stated, declared, learned or the default (bytes)."""
    stated = spec.get("memory")
    try:
        task = None if stated is None else parse_size(stated)
    except ValueError as error:
        raise InvalidRequest(f"memory: {error}", field="memory") from None
    if task is not None and task <= 0:
        raise InvalidRequest("memory: a claim is more than 0 bytes", field="memory")
    return yard.learning.claim(
        yard.settings, task, simulation.memory, simulation.name, parameters, roughly=roughly
    )


def _timeout(yard: Yard, spec: Spec, simulation: Simulation) -> float:
    """Seconds of awake time that an attempt may take; 0 is no limit."""
    stated = spec.get("timeout")
    if stated is None:
        return simulation.timeout if simulation.timeout is not None else yard.settings.worker_task_timeout
    try:
        seconds = parse_duration(stated)
    except ValueError as error:
        raise InvalidRequest(f"timeout: {error}", field="timeout") from None
    if not 0 <= seconds <= 31_536_000:
        raise InvalidRequest("timeout: 0 to 31536000 seconds (0: no limit)", field="timeout")
    return seconds


def _moment(value: Any) -> float | None:
    try:
        return None if value is None else unix(value)
    except ValueError as error:
        raise InvalidRequest(f"not_before: {error}", field="not_before") from None
