"""One simulation: what its file declares, and how parameters become a command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.parameters import Parameters, Schema
from steelyard.settings.placeholders import CORES, PYTHON, asks_for, fill
from steelyard.settings.run_section import NOTHING_STATED, Run
from steelyard.settings.wording import shown

MOST_CORES = 1024
"""Of one task."""


class Launch(NamedTuple):
    """How an attempt is started. environment: over the agent's own; None takes a variable away."""

    argv: list[str]
    directory: str
    environment: dict[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What one file declares. memory in bytes, timeout in seconds of awake time (None: the setting holds)."""

    name: str
    title: str
    description: str = ""
    command: tuple[str, ...] | None = None
    function: str | None = None
    python: str | None = None
    directory: Path
    memory: int | None = None
    cores: int = 1
    cores_from: str | None = None
    """The parameter that says how many cores a run claims; None: all claim `cores`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its runs; placeholders stand for parameters and the run's cores."""
    timeout: float | None = None
    attempts: int = 3
    reuse: bool = False
    pattern: str | None = None
    total: str | float | None = None
    """What the one group of pattern is a part of: a number, or the parameter that holds it."""
    run: Run = NOTHING_STATED
    parameters: Mapping[str, Schema]
    file: Path | None = None
    digest: str = ""
    """Of the text of its file: another text is another simulation for whoever watched its runs."""

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self.parameters)

    @cached_property
    def fingerprint(self) -> str:
        """Of what its runs are: another command, function, directory or Python may take other memory."""
        what = [self.command, self.function, str(self.directory), self.python]
        return sha256(json.dumps(what).encode()).hexdigest()[:16]

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with defaults. InvalidParameters: detail["errors"] has a path for each wrong one."""
        found = self._parameters.complete(parameters)
        self.cores_of(found)
        self.progress_total(found)
        return found

    def cores_of(self, parameters: Mapping[str, Any]) -> int:
        """The cores that a run of complete parameters claims. InvalidParameters if they say none."""
        if self.cores_from is None:
            return self.cores
        stated = parameters[self.cores_from]
        if not isinstance(stated, int) or isinstance(stated, bool) or not 1 <= stated <= MOST_CORES:
            expected = f"expected 1 to {MOST_CORES}, the cores that a run claims"
            raise _misfit(self.cores_from, f"{expected}, found {shown(stated)}")
        return stated

    def progress_total(self, parameters: Mapping[str, Any]) -> float | None:
        """What the pattern counts up to with complete parameters; None: it finds per cent, or both numbers.

        InvalidParameters if the parameter that holds it is no number above 0.
        """
        if not isinstance(self.total, str):
            return self.total
        value = parameters[self.total]
        try:
            total = 0.0 if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            total = 0.0
        if 0 < total < float("inf"):
            return total
        expected = "expected a number above 0, which [progress] total needs"
        raise _misfit(self.total, f"{expected}, found {shown(value)}")

    def schema(self) -> Schema:
        """JSON Schema of the parameters as one object: it validates, and it draws the form."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.title,
            "description": self.description,
            **self._parameters.schema(),
        }

    @property
    def needs_python(self) -> bool:
        """Whether starting it takes an interpreter that its file does not name."""
        texts = (*(self.command or ()), *self.environment.values())
        named = self.function is not None or any(asks_for(text, PYTHON) for text in texts)
        return named and self.python is None

    def launch(self, parameters: Mapping[str, Any], default_python: str, cores: int | None = None) -> Launch:
        """All that starting an attempt with complete parameters takes.

        default_python where the file names no interpreter; cores: those that the task claims, if they were
        settled before. An element of the command stays one element whatever a value holds: nothing is split,
        no shell reads it.
        """
        python = self.python or default_python
        known = {CORES: cores or self.cores_of(parameters), **parameters, PYTHON: python}
        if self.function is not None:
            argv = [python, "-m", "steelyard_task", self.function]
        else:
            argv = [fill(element, known) for element in self.command or ()]
        environment = {name: fill(value, known) for name, value in self.environment.items()}
        return Launch(argv, str(self.directory), dict(environment))

    def view(self) -> dict[str, Any]:
        """The simulation as GET /api/simulations/ shows it, without what was learned."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "schema": self.schema(),
            "resources": {
                "memory": self.memory,
                "cores": self.cores,
                "cores_from": self.cores_from,
                "timeout": self.timeout,
                "attempts": self.attempts,
                "reuse": self.reuse,
            },
            "file": str(self.file) if self.file else None,
            "directory": str(self.directory) if self.file else None,
        }


def _misfit(name: str, message: str) -> InvalidParameters:
    return InvalidParameters(
        f"The parameters do not fit the simulation: {name}: {message}.",
        errors=[{"path": name, "message": message}],
    )
