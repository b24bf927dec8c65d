"""What the sidecar tells of itself: versions, machine, simulations, preferences."""

from __future__ import annotations

import platform
import sqlite3
from importlib import metadata
from typing import Any

import steelyard
from steelyard.rules.errors import Conflict, InvalidParameters
from steelyard.rules.quantities import format_size
from steelyard.rules.timestamps import iso
from steelyard.settings.builtin import COMMAND
from steelyard.settings.simulations import Simulation
from steelyard.store.records import to_json
from steelyard.supervisor import claiming, task_environment, views, watching
from steelyard.supervisor.yard import Yard

View = dict[str, Any]


def system(yard: Yard) -> View:
    """Versions, machine, paths, what is admitted and why; sizes in bytes. No secrets."""
    reading = yard.scale.reading
    return {
        "version": steelyard.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {
            name: metadata.version(name)
            for name in ("starlette", "uvicorn", "websockets", "peewee", "psutil")
        }
        | {"sqlite": sqlite3.sqlite_version},
        "data_dir": str(yard.data.path),
        "log_dir": str(yard.settings.worker_log_dir or yard.data.logs),
        "simulations_dir": str(yard.catalogue.folders[-1]),
        "database_bytes": yard.database.size(),
        "storage": views.storage(yard),
        "memory": {
            **views.memory(yard),
            "source": reading.source,
            "swap_total": reading.swap_total,
            "swap_free": reading.swap_free,
        },
        "limits": views.limits(yard),
        "task_environment": task_environment.view(yard),
        "asleep_s": round(yard.clocks.asleep(), 1),
        "loop": _loop(yard),
        "started_at": iso(yard.started_at),
    }


def _loop(yard: Yard) -> View:
    """How long the sidecar did nothing else while it worked on one thing, seconds; see LoopMeter."""
    lag = yard.meter.read()
    return {
        "p99": lag.p99,
        "most": round(lag.most, 4),
        "most_cpu": round(lag.most_cpu, 4),
        "most_ever": round(lag.most_ever, 4),
        "slow": lag.slow,
    }


def simulations(yard: Yard) -> View:
    """Every simulation, and what is wrong with the files that hold none."""
    yard.catalogue.reload()
    return {
        "simulations": [_simulation(yard, one) for _, one in sorted(yard.catalogue.simulations.items())],
        "errors": yard.catalogue.errors,
    }


def simulation(yard: Yard, name: str) -> View:
    """One simulation. NotFound."""
    yard.catalogue.reload()
    return _simulation(yard, yard.catalogue.get(name))


async def usually(yard: Yard, name: str, parameters: View) -> View | None:
    """What a run of these parameters is expected to take:

    {"claim", "peak", "duration", "shortest", "longest", "runs", "room", "unseen", "unknown"}, bytes and
    seconds; room: a sentence if it would have to wait now; unseen: what lies far beyond the runs seen, each a
    part of a sentence; unknown: whether those do not tell what it takes, so that `claim` is the default. None
    before one such run has completed, and for parameters that do not fit. NotFound.
    """
    yard.catalogue.reload()
    try:
        complete = yard.catalogue.get(name).complete(parameters)
    except InvalidParameters:
        return None
    found = yard.learning.footprint(name, to_json(complete))
    if found is None:
        return None
    claim = yard.learning.claim(yard.settings, None, None, name, complete)
    return {
        "claim": claim.bytes,
        "peak": found.peak,
        "duration": found.duration,
        "shortest": found.shortest,
        "longest": found.longest,
        "runs": found.runs,
        "room": await _room_for(yard, claim.bytes),
        "unseen": [] if found.beyond is None else [str(one) for one in found.beyond.unseen],
        "unknown": claim.source == "default",
    }


async def _room_for(yard: Yard, claim: int) -> str | None:
    """Why a task of this claim would not start now, and what would help; None if there is room."""
    view = yard.scale.view(yard.settings)
    largest = view.total - view.guard
    if claim > largest:
        return f"This machine can give a task {format_size(largest)} at most, so it will run alone."
    free = claiming.room(yard)[0].headroom
    if claim <= free:
        return None
    said = f"It is weighed with {format_size(claim)}, and {format_size(max(0, free))} are free now"
    await yard.scale.programs.fresh()
    chosen = views.closable(yard, claim - free)
    if not chosen:
        return f"{said}: it will wait."
    names = " and ".join(f"{one['name']} ({format_size(one['memory'])})" for one in chosen)
    return f"{said}: it will wait, or fit at once if you close {names}."


def _simulation(yard: Yard, one: Simulation) -> View:
    """A simulation with what its runs took: bytes and seconds, null before the first completed."""
    usual = yard.learning.usual(one.name, {}) if one.name != COMMAND.name else None
    learned = None if usual is None else {"claim": usual.claim, "peak": usual.peak, "runs": usual.runs}
    return {
        **one.view(),
        "run": _run(yard, one),
        "learned": learned,
        "usual_duration": None if usual is None else usual.duration,
        "seen": {} if usual is None else yard.learning.seen(one.name),
    }


def _run(yard: Yard, one: Simulation) -> View:
    """Where its runs work, whether side by side, and if one at a time, why and what to state."""
    return {**one.run.view(), "manner": watching.manner(yard, one).value, "why": watching.why(yard, one)}


def preferences(yard: Yard) -> View:
    """Values, sources ("environment" means locked) and JSON Schema."""
    yard.settings = yard.read_settings()
    return {
        "values": yard.settings.values(),
        "sources": dict(yard.settings.sources),
        "schema": yard.preferences.schema,
        "notice": yard.preferences.notice,
    }


def change_preferences(yard: Yard, patch: View) -> View:
    """Write preferences; running workers keep theirs.

    InvalidRequest, Conflict for what the environment fixes.
    """
    locked = sorted(key for key in patch if yard.settings.sources.get(key) == "environment")
    if locked:
        raise Conflict(f"{', '.join(locked)}: fixed by the environment; change it there.", locked=locked)
    yard.preferences.change(patch)
    return preferences(yard)
