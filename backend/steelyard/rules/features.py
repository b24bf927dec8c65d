"""Which runs are of the same kind, and how their parameters are compared."""

from __future__ import annotations

from typing import Any, Final

from steelyard.rules.nearness import Parameters, is_number

LARGEST: Final = 1e100
"""A number farther from 0 is compared as a word: its powers would leave all arithmetic."""


def program_of(simulation: str, parameters: Parameters) -> str:
    """Which runs of a simulation are of the same kind: all of them (""), except for `command`.

    There it is the program, with the script that an interpreter is told to run: `python model.py`.
    """
    argv = _argv(simulation, parameters)
    if not argv:
        return ""
    script = next((word for word in argv[1:] if not word.startswith("-")), "")
    has_script = "." in _name(script) and not _is_number(script)
    return " ".join([_name(argv[0]), *([script] if has_script else [])])


def features(simulation: str, parameters: Parameters) -> Parameters:
    """The parameters as they are compared; of a `command` each argument is one, numbers in it are numbers."""
    argv = _argv(simulation, parameters)
    if not argv:
        return {name: _comparable(value) for name, value in parameters.items()}
    return {str(place): _number(word) for place, word in enumerate(argv)}


def _argv(simulation: str, parameters: Parameters) -> list[str]:
    argv = parameters.get("argv") if simulation == "command" else None
    return [str(word) for word in argv] if isinstance(argv, list | tuple) else []


def _name(path: str) -> str:
    """The last part of a path, of either system."""
    return path.replace("\\", "/").rpartition("/")[2]


def _is_number(word: str) -> bool:
    return isinstance(_number(word), float)


def _number(word: str) -> str | float:
    """An argument as a number, also behind a name: --years=30 is compared by 30."""
    try:
        found = float(word.rpartition("=")[2])
    except ValueError:
        return word
    return found if abs(found) <= LARGEST else word


def _comparable(value: Any) -> Any:
    if isinstance(value, list | dict):
        # Each is looked at for every run and every question: a long one would take seconds.
        return f"#{hash(repr(value)):x}"
    return repr(value) if is_number(value) and not abs(value) <= LARGEST else value
