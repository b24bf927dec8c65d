"""The stages of the last run of each program that succeeded, by which the next one tells how far it is."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.rules.stages import Stage
from steelyard.store.database import Change
from steelyard.store.records import Reader, from_json, storable, to_json


def save(change: Change, simulation: str, program: str, stages: Sequence[Stage]) -> None:
    """Keep them in place of those of the run before. Nothing is kept of a run without any."""
    if stages:
        found = [[storable(stage.title), round(stage.moved, 3), round(stage.lasted, 3)] for stage in stages]
        change.execute(
            "INSERT OR REPLACE INTO stages(simulation, program, stages) VALUES (?, ?, ?)",
            (simulation, program, to_json(found)),
        )


def of(reader: Reader, simulation: str, program: str) -> tuple[Stage, ...]:
    """Those of the last run; none if there was none."""
    row = reader.execute(
        "SELECT stages FROM stages WHERE simulation = ? AND program = ?", (simulation, program)
    ).fetchone()
    return () if row is None else tuple(Stage(*stage) for stage in from_json(row["stages"]))
