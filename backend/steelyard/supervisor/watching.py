"""What is known of simulations that state no workspace: whether their runs write into their directory, and
so whether they may go side by side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from steelyard.machine.paths import DataDirectory
from steelyard.rules import workspace
from steelyard.rules.workspace import Manner
from steelyard.settings.builtin import COMMAND
from steelyard.settings.simulation import Simulation
from steelyard.supervisor.yard import Yard

FIRST, LATER = 50_000, 5_000
"""Files of a directory that are looked at around a first run, and around one of many side by side."""


def is_watched(simulation: Simulation) -> bool:
    """Whether runs are watched: those of a command whose file states no workspace.

    A function returns its result, and whoever runs `steelyard run` twice in one folder means it.
    """
    stated = simulation.run.workspace is not None
    return not stated and simulation.command is not None and simulation.name != COMMAND.name


def manner(yard: Yard, simulation: Simulation | None) -> Manner:
    """Whether runs of a simulation go side by side, after what is known by now."""
    if simulation is None:
        return Manner.FREE
    return workspace.manner(is_watched(simulation), simulation.digest, yard.known.get(simulation.name))


def why(yard: Yard, simulation: Simulation) -> str | None:
    """Why runs of a simulation do not go side by side, and what to state; None if they do."""
    return workspace.why(
        manner(yard, simulation),
        simulation.name,
        str(simulation.directory),
        file_name(simulation),
        yard.known.get(simulation.name),
    )


def file_name(simulation: Simulation) -> str:
    """The name of its file, for sentences."""
    return simulation.file.name if simulation.file else f"{simulation.name}.toml"


def taken(yard: Yard, claimed: Iterable[str] = ()) -> set[str]:
    """Simulations of which no further run may start now. claimed: those of runs that are about to start."""
    running = {handle.attempt.simulation for handle in yard.handles.values() if handle.attempt is not None}
    running |= {one.simulation.name for one in yard.workspaces.values()}
    simulations = yard.catalogue.simulations
    return {name for name in running.union(claimed) if manner(yard, simulations.get(name)) is not Manner.FREE}


def waiting_for(yard: Yard, name: str) -> str | None:
    """`waiting_for` of a task that waits for another run of its simulation; None if it does not."""
    simulation = yard.catalogue.simulations.get(name)
    reason = None if simulation is None else why(yard, simulation)
    if reason is None:
        return None
    for handle in yard.handles.values():
        if handle.attempt is not None and handle.attempt.simulation == name:
            return workspace.waiting_for(handle.attempt.task_id, reason)
    return None


def ours(data: DataDirectory) -> Callable[[str], bool]:
    """Whether a path is of our own data: that is neither brought to a run nor watched.

    What lies beside the files in `simulations/` is the user's.
    """
    root, declarations = os.path.realpath(data.path), os.path.realpath(data.simulations)

    def is_ours(path: str) -> bool:
        if path == root:
            return True
        folder = os.path.dirname(path)
        return (folder == root and path != declarations) or (
            folder == declarations and path.endswith(".toml")
        )

    return is_ours
