"""Lay out an attempt's folder and put together the message that starts it."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

import steelyard_task
from steelyard.machine import links
from steelyard.machine import temporary as temporary_files
from steelyard.machine.beside import beside
from steelyard.machine.interpreters import default_python
from steelyard.machine.private_files import make_private_directory, write_private
from steelyard.rules.errors import NotFound
from steelyard.settings.simulations import Launch, Simulation
from steelyard.supervisor import task_environment
from steelyard.supervisor.guarding import in_background
from steelyard.supervisor.worker_handle import RunningAttempt
from steelyard.supervisor.workspaces import temporary_note, work_folder
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

STOP_GRACE = 10.0
"""Seconds between the soft stop and the end of the tree (issue: soft stop, 10 s, then the tree)."""


class NoPython(NotFound):
    """There is no interpreter for a simulation that names none. Trying again will not help."""


def install_helper(yard: Yard) -> None:
    """Put steelyard_task.py alone in a folder of its own, which then leads every task's PYTHONPATH."""
    folder = yard.data.runtime / "helper"
    make_private_directory(folder)
    write_private(folder / "steelyard_task.py", Path(steelyard_task.__file__).read_bytes())
    yard.helper_folder = str(folder)


def start_message(
    yard: Yard, attempt: RunningAttempt, task: dict[str, Any]
) -> tuple[Simulation, dict[str, Any]]:
    """The simulation, and the fields of `start`, for an attempt of task (its row), whose folder is made here.

    Raises OSError when the folder cannot be made, NoPython, and NotFound or InvalidParameters when the
    simulation has gone or changed.
    """
    yard.catalogue.reload()
    parameters = msgspec.json.decode(task["parameters"])
    simulation = yard.catalogue.get(task["simulation"])
    complete = simulation.complete(parameters)
    launch = simulation.launch(complete, _python_for(yard, simulation), attempt.cores)
    task_folder = yard.data.task(attempt.task_id)
    folder = yard.data.attempt(attempt.task_id, attempt.number)
    checkpoint, output = task_folder / "checkpoint", folder / "output"
    if os.path.lexists(folder):
        _out_of_the_way(yard, folder)
    for path in (task_folder, checkpoint, folder, output):
        make_private_directory(path)
    parameters_file = task_folder / "parameters.json"
    write_private(parameters_file, msgspec.json.encode(parameters))
    temporary = _temporary(yard, attempt, simulation)
    own = {
        "STEELYARD_TASK_ID": attempt.task_id,
        "STEELYARD_ATTEMPT": str(attempt.number),
        "STEELYARD_PARAMETERS": str(parameters_file),
        "STEELYARD_OUTPUT_DIR": str(output),
        "STEELYARD_CHECKPOINT_DIR": str(checkpoint),
        "STEELYARD_STOP_FILE": str(folder / "stop"),
    }
    return simulation, {
        "task_id": attempt.task_id,
        "attempt": attempt.number,
        **_program(simulation, launch, attempt.claim),
        "environment": task_environment.changes(yard, launch.environment, attempt.cores, own, temporary),
        "directory": str(work_folder(folder)) if simulation.run.fresh else launch.directory,
        "folder": str(folder),
        "timeout": task["timeout"] or 0,
        "grace": STOP_GRACE,
        "pattern": simulation.pattern,
        "total": simulation.progress_total(complete),
    }


def _temporary(yard: Yard, attempt: RunningAttempt, simulation: Simulation) -> dict[str, str]:
    """The variables that name a folder for the attempt's temporary files, which is made here."""
    if simulation.reuse:
        return {}  # its process serves other attempts too, and remembers where such files go
    try:
        folder = temporary_files.make(temporary_note(yard, attempt.task_id, attempt.number))
    except OSError as error:
        log.warning("task %s shares the system's place for temporary files: %s", attempt.task_id, error)
        return {}
    return dict.fromkeys(("TMPDIR", "TMP", "TEMP"), folder)


def _out_of_the_way(yard: Yard, folder: Path) -> None:
    """Make room for an attempt that the database has forgotten (a backup was put back): it may be large."""
    old = folder.with_name(f"{folder.name}.old-{secrets.token_hex(4)}")
    folder.rename(old)
    in_background(yard, beside(lambda: _remove(old)), "removing an old folder of an attempt")


def _remove(folder: Path) -> None:
    error = links.remove_tree(str(folder))
    if error is not None:
        log.warning("%s could not be removed: %s", folder, error)


def _program(simulation: Simulation, launch: Launch, claim: int) -> dict[str, Any]:
    """What runs; where the simulation says `reuse`, in a process that attempts of the same key share."""
    if not simulation.reuse or simulation.file is None:
        return {"argv": launch.argv}
    *python, function = launch.argv
    found = simulation.file.stat()
    key = [simulation.name, found.st_mtime_ns, found.st_size, found.st_ino, *launch.argv, launch.directory]
    return {
        "argv": [*python, "--serve", function],
        "reuse": {"key": msgspec.json.encode(key).decode(), "memory": claim},
    }


def _python_for(yard: Yard, simulation: Simulation) -> str:
    """The interpreter that {python} stands for; empty where nothing asks for one."""
    stated = yard.settings.python
    python = default_python(stated, task_environment.search_path(yard))
    if python is None and simulation.needs_python:
        lacking = "none was found on the PATH" if stated is None else f"there is none at {stated}"
        raise NoPython(
            f"{simulation.title} runs in a Python of yours, and {lacking}. Install Python, or name the one "
            "to use: in the preferences (python), in STEELYARD_PYTHON, or as python in the simulation's file."
        )
    return python or ""
