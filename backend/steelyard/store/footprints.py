"""Footprints: what attempts took, kept so that the claims of later ones are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.rules.features import features, program_of
from steelyard.rules.footprint import BOUNDS_KEPT, RUNS_KEPT, PastRun
from steelyard.rules.states import Cause
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, from_json

_INSERT = """INSERT INTO footprint(task_id, simulation, program, fingerprint, parameters, at, peak, duration,
    complete, starved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FORGET = """DELETE FROM footprint WHERE simulation = ?1 AND program = ?2 AND complete = ?3 AND serial <= (
    SELECT serial FROM footprint WHERE simulation = ?1 AND program = ?2 AND complete = ?3
    ORDER BY serial DESC LIMIT 1 OFFSET ?4)"""
_NEWEST = """SELECT parameters, peak, duration, complete, starved, fingerprint FROM footprint
    WHERE simulation = ? AND program = ? ORDER BY serial DESC"""


@dataclass(frozen=True, slots=True)
class Past:
    """The runs that answer, the newest first.

    own: False where those that completed are of another fingerprint, since there are none of its own.
    """

    runs: Sequence[PastRun]
    own: bool


def note(
    change: Change, task: Row, outcome: Outcome, duration: float, now: float, fingerprint: str = ""
) -> bool:
    """Keep what an attempt of a task (its row) took at the least; whether there is anything to keep.

    duration: seconds of awake time. fingerprint: of what ran, as settings.Simulation says. An end by the
    memory guard of one that kept to its claim is no sign that it needs more. The newest RUNS_KEPT that
    completed stay, and of the others BOUNDS_KEPT: they must not crowd out those that say more.
    """
    if not outcome.peak_memory:
        return False
    complete = outcome.cause is Cause.SUCCEEDED
    starved = outcome.cause is Cause.KERNEL_OOM or (
        outcome.cause is Cause.MEMORY_GUARD and outcome.peak_memory > task["claim"]
    )
    simulation, parameters = str(task["simulation"]), str(task["parameters"])
    program = program_of(simulation, from_json(parameters))
    took = duration if complete else None
    what = (task["id"], simulation, program, fingerprint, parameters)
    change.execute(_INSERT, (*what, now, outcome.peak_memory, took, complete, starved))
    change.execute(_FORGET, (simulation, program, complete, RUNS_KEPT if complete else BOUNDS_KEPT))
    return True


def newest(reader: Reader, simulation: str, program: str, fingerprint: str = "") -> Past:
    """The runs of one kind that answer questions about what has this fingerprint now."""
    return past(simulation, rows(reader, simulation, program), fingerprint)


def rows(reader: Reader, simulation: str, program: str) -> list[Row]:
    """What is kept of one kind of runs, the newest first; past() reads it."""
    return reader.execute(_NEWEST, (simulation, program)).fetchall()


def past(simulation: str, rows: Sequence[Row], fingerprint: str) -> Past:
    """As newest(), of such rows. Hundreds take milliseconds: it may be done in a thread."""
    mine = [row for row in rows if row["fingerprint"] == fingerprint]
    own = any(row["complete"] for row in mine) or len(mine) == len(rows)
    runs = [
        PastRun(
            features(simulation, from_json(row["parameters"])),
            row["peak"],
            row["duration"],
            bool(row["complete"]),
            bool(row["starved"]),
        )
        for row in (mine if own else rows)
    ]
    return Past(runs, own)
