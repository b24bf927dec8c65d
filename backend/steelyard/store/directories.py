"""What was seen of simulations that state no workspace: whether a run wrote into its directory."""

from __future__ import annotations

from steelyard.rules.workspace import Known
from steelyard.store.database import Change
from steelyard.store.records import Reader, from_json, storable, to_json

NAMES_KEPT = 10
"""Names of written files that are kept for a sentence."""

_ALL = "SELECT simulation, digest, wrote, names, whole FROM directory"
_NOTE = """INSERT INTO directory(simulation, digest, wrote, names, whole, at)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(simulation) DO UPDATE SET digest = excluded.digest,
    wrote = excluded.wrote, names = excluded.names, whole = excluded.whole,
    at = excluded.at"""


def known(reader: Reader) -> dict[str, Known]:
    """Everything that was seen, by simulation."""
    return {
        row["simulation"]: Known(
            row["digest"],
            bool(row["wrote"]),
            tuple(str(name) for name in from_json(row["names"])),
            bool(row["whole"]),
        )
        for row in reader.execute(_ALL).fetchall()
    }


def note(change: Change, simulation: str, seen: Known, at: float) -> None:
    """Keep what a run showed, in place of what was kept; at: Unix seconds."""
    names = to_json([storable(name) for name in seen.names[:NAMES_KEPT]])
    values = (simulation, seen.digest, seen.wrote, names, seen.whole, at)
    change.execute(_NOTE, values)
