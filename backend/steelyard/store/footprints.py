"""Footprints: what attempts took, kept so that the claims of later ones are learned."""

from __future__ import annotations

from steelyard.rules.footprint import RUNS_KEPT, PastRun, features, program_of
from steelyard.rules.states import Cause
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, from_json

TEACHES = frozenset({Cause.SUCCEEDED, Cause.MEMORY_GUARD, Cause.KERNEL_OOM})
"""How an attempt ends of which something is learned: what it took, or that what it had did not suffice."""

_INSERT = """INSERT INTO footprint(task_id, simulation, program, parameters, at, peak, duration, complete)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_FORGET = """DELETE FROM footprint WHERE simulation = ?1 AND program = ?2 AND serial <= (SELECT serial
    FROM footprint WHERE simulation = ?1 AND program = ?2 ORDER BY serial DESC LIMIT 1 OFFSET ?3)"""
_NEWEST = """SELECT parameters, peak, duration, complete FROM footprint
    WHERE simulation = ? AND program = ? ORDER BY serial DESC LIMIT ?"""


def note(change: Change, task: Row, outcome: Outcome, duration: float, now: float) -> bool:
    """Keep what an attempt of a task (its row) took, if that teaches anything; whether it does.

    duration: seconds of awake time. Of one kind of run the newest RUNS_KEPT stay.
    """
    if outcome.cause not in TEACHES or not outcome.peak_memory:
        return False
    complete = outcome.cause is Cause.SUCCEEDED
    simulation, parameters = str(task["simulation"]), str(task["parameters"])
    program = program_of(simulation, from_json(parameters))
    took = duration if complete else None
    values = (task["id"], simulation, program, parameters, now, outcome.peak_memory, took, complete)
    change.execute(_INSERT, values)
    change.execute(_FORGET, (simulation, program, RUNS_KEPT))
    return True


def newest(reader: Reader, simulation: str, program: str) -> list[PastRun]:
    """The runs of one kind that answer questions, the newest first."""
    rows = reader.execute(_NEWEST, (simulation, program, RUNS_KEPT)).fetchall()
    return [
        PastRun(
            features(simulation, from_json(row["parameters"])),
            row["peak"],
            row["duration"],
            bool(row["complete"]),
        )
        for row in rows
    ]
