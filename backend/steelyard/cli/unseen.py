"""What is said before tasks are queued whose numbers lie far beyond those of the runs seen."""

from __future__ import annotations

from steelyard.cli.output import Output
from steelyard.client.answers import Simulation
from steelyard.rules.axes import Axis
from steelyard.rules.beyond import outermost, unseen_of
from steelyard.rules.features import features
from steelyard.rules.nearness import Parameters


def note(out: Output, simulation: Simulation, *all_parameters: Parameters) -> None:
    """Name the numbers of these tasks that leave what was seen; a script that reads JSON is told nothing."""
    known = {name: Axis(name, **one) for name, one in (simulation.get("seen") or {}).items()}
    comparable = [features("", parameters) for parameters in all_parameters]
    unseen = unseen_of(known, outermost(known, comparable))
    if unseen and not out.as_json:
        out.note(f"Far beyond the runs so far: {'; '.join(map(str, unseen))}.")
        out.note("If they do not show how much memory that takes, one such task goes ahead of the others.")
