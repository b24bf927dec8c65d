"""What lies in the folder of a model: the program that is meant, how it is started, and its Python."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from steelyard.machine.interpreters import behind
from steelyard.machine.regular_files import Unreadable, open_regular

_INTERPRETERS = {".py": "{python}", ".r": "Rscript", ".jl": "julia"}
_PROGRAMS = (*_INTERPRETERS, ".sh", ".exe", ".bat", ".cmd")
_USUAL = ("main", "run", "model", "simulate", "simulation")
_NO_MODELS = re.compile(r"(_.*|\..*|setup|conftest|test_.*|.*_test)\.\w+")
_PYTHON = re.compile(r"python(3(\.\d+)?)?(\.exe)?")
_BESIDE = (".venv", "venv", "env", ".env", "environment")
_IN_ENVIRONMENT = (Path("bin", "python"), Path("Scripts", "python.exe"), Path("python.exe"))
_LOOKED_AT = 10_000
"""Entries of a folder among which programs are looked for."""


def programs_in(folder: Path) -> list[str]:
    """The names of what looks like a program of the model's author, in order. OSError."""
    found = []
    with os.scandir(folder) as entries:
        for _, entry in zip(range(_LOOKED_AT), entries, strict=False):
            suffix = os.path.splitext(entry.name)[1].lower()
            runs = suffix in _PROGRAMS or (not suffix and os.access(entry.path, os.X_OK))
            if runs and entry.is_file() and not _NO_MODELS.fullmatch(entry.name):
                found.append(entry.name)
    return sorted(found)


def likely(programs: Sequence[str], name: str, folder: Path) -> str | None:
    """The one that is meant: the only one, the only one that is called as the simulation or its folder, the
    only one with a usual name.
    """
    for stems in (None, {name, name.replace("-", "_")}, {folder.name.lower()}, _USUAL):
        named = [one for one in programs if stems is None or os.path.splitext(one)[0].lower() in stems]
        if len(named) == 1:
            return named[0]
    return None


def command_of(argv: Sequence[str], folder: Path, here: Path) -> list[str]:
    """How the typed command is started from `folder`: a script by its interpreter, a program by its path.

    here: where it was typed; a program that is there and not in the folder is named absolutely, and so is
    what `../` leads to, for a run in a folder of its own has other neighbours.
    """
    program, *rest = argv
    rest = [_absolute(argument, folder) for argument in rest]
    if _PYTHON.fullmatch(os.path.basename(program).lower()):
        return ["{python}", *rest]
    by_path = os.path.basename(program) != program
    if not (folder / program).is_file():
        typed = here / program
        return [os.path.abspath(typed) if by_path and typed.is_file() else program, *rest]
    program = _absolute(program, folder)
    interpreter = _INTERPRETERS.get(os.path.splitext(program)[1].lower())
    if interpreter is not None:
        return [interpreter, program, *rest]
    found = None if by_path else shutil.which(program)
    if os.path.isabs(program) or (found is not None and not os.path.samefile(found, folder / program)):
        return [program, *rest]  # a file of the same name beside the model is its input
    return [*_started(program, folder), *rest]


def python_of(argv: Sequence[str], folder: Path, here: Path, environ: Mapping[str, str]) -> str | None:
    """The Python that `{python}` should stand for: the one that was typed, the one beside the model, that of
    the active environment, the shell's. None: Steelyard's own.
    """
    typed = argv[0]
    if _PYTHON.fullmatch(os.path.basename(typed).lower()):
        by_path = os.path.basename(typed) != typed
        found = next((str(place / typed) for place in (here, folder) if (place / typed).is_file()), None)
        return _unless_ours(found if by_path else shutil.which(typed), folder)
    active = (environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    environments = (*(folder / name for name in _BESIDE), *(Path(one) for one in active if one))
    beside = next(_pythons(environments), None)
    return _unless_ours(beside or shutil.which("python3") or shutil.which("python"), folder)


def _pythons(environments: Sequence[Path]) -> Iterator[str]:
    for environment in environments:
        if (environment / "pyvenv.cfg").is_file() or (environment / "conda-meta").is_dir():
            for python in _IN_ENVIRONMENT:
                if (environment / python).is_file():
                    yield str(environment / python)


def _unless_ours(python: str | None, folder: Path) -> str | None:
    if python is not None and "shims" in Path(python).parts:
        # What it starts depends on the folder, and a run works in another one.
        python = behind(python, str(folder))
    return None if python is None or python == sys.executable else os.path.abspath(python)


def _absolute(argument: str, folder: Path) -> str:
    """A path that begins with `../` as an absolute one, if something is there."""
    if not argument.replace(os.sep, "/").startswith("../"):
        return argument
    meant = os.path.abspath(folder / argument)
    return meant if os.path.exists(meant) else argument


def _started(program: str, folder: Path) -> list[str]:
    """A file of the folder: by itself if the system can start it, else by the shell that it is for."""
    path = os.path.join(os.curdir, program)
    if os.path.splitext(program)[1].lower() != ".sh":
        return [path]
    try:
        with open_regular(folder / program, links=True) as file:
            first = file.readline(200)
    except Unreadable:
        return [path]
    if first.startswith(b"#!") and os.access(folder / program, os.X_OK):
        return [path]
    return ["bash" if b"bash" in first else "sh", program]
