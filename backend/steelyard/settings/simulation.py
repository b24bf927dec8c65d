"""One simulation: what its file declares, and how parameters become a command (DESIGN section 5)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.parameters import RESERVED, Parameters, Schema
from steelyard.settings.wording import shown

_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


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
    timeout: float | None = None
    attempts: int = 3
    reuse: bool = False
    pattern: str | None = None
    total: str | float | None = None
    """What the one group of pattern is a part of: a number, or the parameter that holds it."""
    parameters: Mapping[str, Schema]
    file: Path | None = None

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self.parameters)

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with defaults. InvalidParameters: detail["errors"] has a path for each wrong one."""
        found = self._parameters.complete(parameters)
        self.progress_total(found)
        return found

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
        message = f"expected a number above 0, which [progress] total needs, found {shown(value)}"
        raise InvalidParameters(
            f"The parameters do not fit the simulation: {self.total}: {message}.",
            errors=[{"path": self.total, "message": message}],
        )

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
        named = self.function is not None or any("{python}" in element for element in self.command or ())
        return named and self.python is None

    def argv(self, parameters: Mapping[str, Any], default_python: str) -> list[str]:
        """The command with complete parameters put in; default_python where the file names no interpreter.

        An element stays one element whatever a value holds: nothing is split, no shell reads it.
        """
        python = self.python or default_python
        if self.function is not None:
            return [python, "-m", "steelyard_task", self.function]
        return [_fill(element, {**parameters, "python": python}) for element in self.command or ()]

    def launch(self, parameters: Mapping[str, Any], default_python: str) -> Launch:
        """All that starting an attempt with complete parameters takes."""
        return Launch(self.argv(parameters, default_python), str(self.directory), {})

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
                "timeout": self.timeout,
                "attempts": self.attempts,
                "reuse": self.reuse,
            },
            "file": str(self.file) if self.file else None,
        }


def placeholder_faults(command: Sequence[str], names: Iterable[str]) -> list[tuple[str, str]]:
    """(the wrong part, what is wrong with it) of every placeholder in a command that names no parameter."""
    known = {*names, *RESERVED}
    found = []
    for element in command:
        for brace in _BRACE.finditer(element):
            name = brace[1]
            if brace[0] in ("{", "}"):
                single = f"a single {brace[0]} in {json.dumps(element)}; write {brace[0] * 2} for one"
                found.append((element, single))
            elif name is not None and name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {{{close[0]}}}?" if close else ""
                found.append(
                    (brace[0], f"{brace[0]} is no parameter{hint or '; write {{ and }} for braces'}")
                )
    return found


def _fill(element: str, values: Mapping[str, Any]) -> str:
    """One element with its placeholders replaced, in one pass: braces inside a value stay what they are."""

    def piece(brace: re.Match[str]) -> str:
        if brace[1] is not None:
            return as_text(values[brace[1]])
        return brace[0][0]

    return _BRACE.sub(piece, element)


def as_text(value: Any) -> str:
    """A value inside a command: text as it is, all else as JSON (true, 0.5, [1, 2])."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
