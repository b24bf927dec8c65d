"""The environment of a task, layer over layer; the last one that names a variable has the word.

What nobody has set we set; then come the environment of the sidecar, the user's own (where a desktop program
handed it over), the preference, what the simulation's file says, what the task says. Over all of it stands
only what tells one attempt from another, and the folder of the helper on PYTHONPATH.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from steelyard.machine.programs import external_environment
from steelyard.machine.variables import overlay, present, same
from steelyard.rules.variables import CORES, PROGRAMS, threads
from steelyard.supervisor.yard import Yard

PYTHONPATH = "PYTHONPATH"

_OF_PYTHON = {
    "PYTHONUNBUFFERED": "1",
    # On Windows a Python writes its code page into a pipe, and ends at the first letter outside of it.
    "PYTHONIOENCODING": "utf-8:surrogateescape",
}
"""What every Python of a task obeys, where nobody has said anything else."""

Variables = dict[str, str | None]


def changes(
    yard: Yard,
    stated: Mapping[str, str | None],
    cores: int,
    own: Mapping[str, str],
    temporary: Mapping[str, str],
) -> Variables:
    """What a task's process gets over the environment of its agent; None takes a variable away.

    stated: by its simulation or by itself. own: what tells its attempt from others. temporary: where its
    temporary files go, a folder in the place that the user's environment names.
    """
    chosen = overlay(yard.users.variables, temporary, yard.settings.task_environment, stated)
    known = overlay(inherited(), chosen)
    names = {same(name) for name in known}
    unset = threads(cores, lambda name: same(name) in names)
    unset |= {name: value for name, value in _OF_PYTHON.items() if name not in names}
    told = {CORES: stated.get(CORES, str(cores)), **own}
    path = [yard.helper_folder, _value(known, PYTHONPATH)]
    return overlay(unset, chosen, {PYTHONPATH: os.pathsep.join(filter(None, path))}, told)


def of_all_tasks(yard: Yard) -> dict[str, str]:
    """The environment that each task gets before its simulation and itself say anything."""
    return present(overlay(inherited(), yard.users.variables, yard.settings.task_environment))


def search_path(yard: Yard) -> str | None:
    """The PATH on which a task's program is looked for; None where there is none."""
    return _value(of_all_tasks(yard), "PATH")


def view(yard: Yard) -> dict[str, Any]:
    """What a person may know of the environment of all tasks. No values but those that lead to programs."""
    given, stated = of_all_tasks(yard), {same(name) for name in yard.settings.task_environment}
    return {
        "programs": {name: _value(given, name) for name in PROGRAMS if same(name) not in stated},
        "source": yard.users.source,
        "left_out": yard.users.left_out,
        "note": yard.users.note,
    }


def inherited() -> dict[str, str]:
    """The sidecar's own environment, as its agents hand it on."""
    return external_environment(dict(os.environ))


def _value(variables: Mapping[str, str | None], name: str) -> str | None:
    return next((value for other, value in variables.items() if same(other) == same(name)), None)
