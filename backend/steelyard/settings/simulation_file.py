"""From a TOML file to a Simulation, or to a list of what is wrong with it: line, key, what was expected."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from steelyard.machine.decoding import document_of
from steelyard.machine.regular_files import Unreadable, read_regular
from steelyard.rules.quantities import parse_duration, parse_size
from steelyard.settings.builtin import NAME as BUILT_IN
from steelyard.settings.parameters import faults
from steelyard.settings.patterns import compiled
from steelyard.settings.placeholders import wrong_in
from steelyard.settings.run_needs import read_cores, read_variables, wrong_variables
from steelyard.settings.run_section import KEYS as RUN_KEYS
from steelyard.settings.run_section import Run, read_run
from steelyard.settings.simulation import Simulation
from steelyard.settings.toml_lines import line_of, syntax_fault
from steelyard.settings.wording import shown, suggestion

LARGEST = 1 << 20
"""Bytes; a larger file is no simulation."""

NAME = re.compile(r"[a-z0-9-]{1,64}")
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

_SECTIONS = {
    "simulation": ("name", "title", "description", "command", "function", "python", "directory"),
    "resources": ("memory", "cores", "timeout", "attempts", "reuse"),
    "progress": ("pattern", "total"),
    "run": RUN_KEYS,
}
_FREE = ("environment", "parameters")
"""Sections whose keys are names of the author's own."""
_CLAIMED = re.compile(r"""^\s*name\s*=\s*["']([a-z0-9-]{1,64})["']""", re.MULTILINE)
_DIGITS = re.compile(r"[0-9a-fA-F_]+")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_YEAR = 31_536_000
_MISSING = object()


class Fault(NamedTuple):
    """One thing that is wrong. line counts from 1."""

    line: int
    message: str


class Faulty(Exception):
    """The file declares no simulation; name is the one that it claims, as far as that can be told."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.message}" for fault in faults))
        self.name = name
        self.faults = faults


def read_simulation(path: Path) -> Simulation:
    """The simulation that the file at path declares. Faulty lists everything that is wrong at once."""
    try:
        # A link is followed: a person put it there, and what it leads to must be a regular file too.
        data = read_regular(path, LARGEST, links=True)
    except Unreadable as error:
        raise Faulty(path.stem, [Fault(1, f"the file {error}")]) from error
    text, guessed = document_of(data)
    if guessed is not None:
        raise Faulty(path.stem, [Fault(_first_odd_line(data), "expected UTF-8 text")])
    return simulation_of(path, text)


def simulation_of(path: Path, text: str) -> Simulation:
    """What text declares as the file at path, which need not be there. Faulty."""
    try:
        declared = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        claimed = _CLAIMED.search(text)
        name = claimed[1] if claimed else path.stem
        raise Faulty(name, [Fault(*syntax_fault(text, str(error)))]) from error
    except RecursionError as error:
        raise Faulty(path.stem, [Fault(1, "lists or tables are nested too deeply")]) from error
    except ValueError as error:
        # What the parser leaves to int() and datetime(): a number of 5,000 digits, a day that there is not.
        raise Faulty(path.stem, [Fault(_line_of_digits(text), f"a value cannot be read: {error}")]) from error
    return _Reading(path, text, declared).simulation()


def _first_odd_line(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1


def _line_of_digits(text: str) -> int:
    """The line of the longest number, which is what a parser that names no line choked on."""
    longest = max(_DIGITS.finditer(text), key=lambda found: len(found[0]), default=None)
    return 1 if longest is None else text.count("\n", 0, longest.start()) + 1


class _Reading:
    """One pass over a parsed file that notes every fault on its way."""

    def __init__(self, path: Path, text: str, declared: dict[str, Any]) -> None:
        self._path = path
        self._text = text
        self._declared = declared
        self._faults: list[Fault] = []

    def simulation(self) -> Simulation:
        self._unknown_keys()
        name = self._get("simulation", "name", _name, _MISSING)
        command = self._get("simulation", "command", _command, None)
        function = self._get("simulation", "function", _function, None)
        if not self._has("simulation", "command") and not self._has("simulation", "function"):
            either = 'expected command = ["program", "argument"] or function = "module:function"'
            self._note(("simulation",), either)
        elif self._has("simulation", "command") and self._has("simulation", "function"):
            self._note(("simulation", "function"), "expected command or function, found both")
        parameters = self._parameters()
        for part, message in wrong_in(command or (), self._table("parameters")):
            self._note(("simulation", "command"), message, near=part)
        needed = self._get("resources", "cores", lambda stated: read_cores(stated, parameters), None)
        variables = self._table("environment")
        for variable, message in wrong_variables(variables, parameters):
            self._note(("environment", variable), message)
        # Read before the faults are looked at: each of these may note one.
        rest: dict[str, Any] = {
            "title": self._get("simulation", "title", _text, None) or name,
            "description": self._get("simulation", "description", _text, ""),
            "python": self._get("simulation", "python", self._program, None),
            "directory": self._get("simulation", "directory", self._directory, self._path.parent.absolute()),
            "memory": self._get("resources", "memory", _memory, None),
            "cores": needed[0] if needed else 1,
            "cores_from": needed[1] if needed else None,
            "environment": read_variables(variables),
            "timeout": self._get("resources", "timeout", _timeout, None),
            "attempts": self._get("resources", "attempts", _whole(1, 100), 3),
            "reuse": self._get("resources", "reuse", _flag, False),
            "pattern": self._get("progress", "pattern", _pattern, None),
            "total": self._get("progress", "total", self._total, None),
            "run": self._run(),
            "digest": hashlib.sha256(self._text.encode()).hexdigest()[:32],
        }
        counts_up = rest["pattern"] is not None and compiled(rest["pattern"]).groups == 1
        if rest["total"] is not None and not counts_up:
            self._note(("progress", "total"), r"expected a pattern of one group beside it, like 'step (\d+)'")
        if rest["reuse"] and function is None and self._has("simulation", "command"):
            self._note(("resources", "reuse"), "expected false: only runs of a function can share a process")
        if rest["reuse"] and rest["run"].fresh:
            self._note(
                ("resources", "reuse"),
                'expected false: with workspace = "fresh" each run has its own process',
            )
        if self._faults:
            raise Faulty(name or self._path.stem, sorted(self._faults, key=lambda fault: fault.line))
        return Simulation(
            name=name, command=command, function=function, parameters=parameters, file=self._path, **rest
        )

    def _parameters(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name, schema in self._table("parameters").items():
            for path, message in faults(name, schema):
                self._note(("parameters", *path.split(".")), message)
            found[name] = schema
        return found

    def _run(self) -> Run:
        return read_run(
            lambda key, read, default: self._get("run", key, read, default),
            lambda key, message: self._note(("run", key), message),
        )

    def _unknown_keys(self) -> None:
        sections = (*_SECTIONS, *_FREE)
        for section, content in self._declared.items():
            if section not in sections:
                kind = "section" if isinstance(content, dict) else "key"
                self._note((section,), f"there is no {kind} of this name" + suggestion(section, sections))
            elif not isinstance(content, dict):
                self._note((section,), f"expected a section [{section}], found {shown(content)}")
            elif section in _SECTIONS:
                for key in content.keys() - set(_SECTIONS[section]):
                    hint = suggestion(key, _SECTIONS[section])
                    self._note((section, key), "there is no key of this name" + hint)

    def _table(self, section: str) -> dict[str, Any]:
        content = self._declared.get(section)
        return content if isinstance(content, dict) else {}

    def _has(self, section: str, key: str) -> bool:
        return key in self._table(section)

    def _get(self, section: str, key: str, read: Callable[[Any], Any], default: Any) -> Any:
        """The value of a key as read() makes it, or its default; a ValueError of read() is noted."""
        value = self._table(section).get(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                self._note((section,), f"{key} is missing", key=key)
                return None
            return default
        try:
            return read(value)
        except ValueError as error:
            self._note((section, key), str(error))
            return None

    def _note(
        self, path: tuple[str, ...], message: str, near: str | None = None, key: str | None = None
    ) -> None:
        where = ".".join(path if key is None else (*path, key))
        self._faults.append(Fault(line_of(self._text, path, near), f"{where}: {message}"))

    def _directory(self, value: object) -> Path:
        return Path(os.path.abspath(self._path.parent / os.path.expanduser(_text(value))))

    def _total(self, value: object) -> str | float:
        """A number above 0, or the name of the parameter that holds it."""
        if isinstance(value, str) and (name := _PLACEHOLDER.fullmatch(value.strip())):
            schemas = self._table("parameters")
            schema = schemas.get(name[1])
            if schema is None:
                raise ValueError(f"{{{name[1]}}} is no parameter{suggestion(name[1], schemas)}")
            kind = schema.get("type") if isinstance(schema, dict) else None
            if kind in ("boolean", "array", "object", "null"):
                raise ValueError(f"expected a parameter that is a number, found {kind} {{{name[1]}}}")
            return name[1]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            expected = 'expected a number above 0 or a parameter like "{steps}"'
            raise ValueError(f"{expected}, found {shown(value)}")
        return float(value)

    def _program(self, value: object) -> str:
        """A bare name is looked up on the PATH; a path is taken from the file's folder."""
        text = os.path.expanduser(_text(value))
        bare = not any(separator in text for separator in ("/", os.sep))
        return text if bare else os.path.abspath(self._path.parent / text)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"expected a text, found {shown(value)}")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"expected small letters, digits and hyphens, at most 64, found {shown(value)}")
    if value == BUILT_IN:
        raise ValueError(f'expected another name: "{BUILT_IN}" is built in')
    return value


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ValueError(f'expected a list like ["program", "argument"], found one text: {shown(value)}')
    elements = value if isinstance(value, list) else []
    fits = all(isinstance(each, str) and "\0" not in each for each in elements)
    if not fits or not elements or not elements[0]:
        raise ValueError(f'expected a list of texts like ["program", "argument"], found {shown(value)}')
    return tuple(elements)


def _function(value: object) -> str:
    if not isinstance(value, str) or not FUNCTION.fullmatch(value):
        raise ValueError(f'expected "module:function", found {shown(value)}')
    return value


def _memory(value: object) -> int:
    try:
        size = parse_size(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        size = 0
    if size <= 0:
        raise ValueError(f'expected a size like "8GiB", found {shown(value)}')
    return size


def _timeout(value: object) -> float:
    try:
        seconds = parse_duration(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        seconds = -1.0
    if not 0 <= seconds <= _YEAR:
        raise ValueError(f'expected seconds or a text like "48h", at most {_YEAR} s, found {shown(value)}')
    return seconds


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}, found {shown(value)}")
        return value

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {shown(value)}")
    return value


def _pattern(value: object) -> str:
    groups = compiled(_text(value)).groups
    if groups not in (1, 2):
        expected = r"one group like '(\d+)%' or two like 'year (\d+) of (\d+)'"
        raise ValueError(f"expected {expected}, found {groups}")
    return str(value)
