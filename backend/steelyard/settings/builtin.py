"""The built-in simulation `command`: any program, with the caller's arguments, folder and environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.simulation import Launch, Simulation

NAME = "command"


class CommandSimulation(Simulation):
    """Its parameters are the command; nothing is substituted into anything."""

    fingerprint = ""
    """What its runs are stands in their parameters (rules.footprint.program_of)."""

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with defaults. InvalidParameters; a folder has to be absolute or begin with `~`.

        Whose current directory a relative one would mean, caller or sidecar, nobody could tell.
        """
        found = super().complete(parameters)
        directory = found["directory"]
        if not os.path.isabs(os.path.expanduser(directory)):
            message = f"expected an absolute path or one that begins with ~, found {directory[:80]!r}"
            raise InvalidParameters(
                f"The parameters do not fit the simulation: directory: {message}.",
                errors=[{"path": "directory", "message": message}],
            )
        return found

    def launch(self, parameters: Mapping[str, Any], default_python: str, cores: int | None = None) -> Launch:
        """The program in its folder and environment, untouched: no placeholder is looked for."""
        directory = os.path.abspath(os.path.expanduser(parameters["directory"]))
        return Launch(list(parameters["argv"]), directory, dict(parameters["environment"]))


COMMAND = CommandSimulation(
    name=NAME,
    title="Any program",
    description="Runs a program with its arguments. Files that it writes into STEELYARD_OUTPUT_DIR are kept.",
    directory=Path.home(),
    parameters={
        "argv": {
            "type": "array",
            "title": "Program and arguments",
            "items": {"type": "string"},
            "minItems": 1,
            "prefixItems": [{"type": "string", "minLength": 1}],
        },
        "directory": {
            "type": "string",
            "title": "Folder to run it in",
            "minLength": 1,
            "default": "~",
        },
        "environment": {
            "type": "object",
            "title": "Environment",
            "description": "Variables over the sidecar's own; null takes one away.",
            "propertyNames": {"pattern": "^[^=]+$"},
            "additionalProperties": {"type": ["string", "null"]},
            "default": {},
        },
    },
)
