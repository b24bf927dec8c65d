"""What the doctor looks at: each check gives one or more findings, and none of them changes anything."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

import steelyard
from steelyard.cli.preferences import in_words
from steelyard.machine.interpreters import default_python, versions_in
from steelyard.machine.memory import probe
from steelyard.machine.paths import DataDirectory
from steelyard.machine.private_files import who_else
from steelyard.machine.processes import TreeSampler, physical_cores
from steelyard.machine.regular_files import Unreadable
from steelyard.machine.shared_memory import unused
from steelyard.rules import admission
from steelyard.rules.capacity_words import room
from steelyard.rules.errors import StartError
from steelyard.rules.quantities import GIB, format_size
from steelyard.settings.environment import Settings
from steelyard.settings.preferences import read_preferences
from steelyard.settings.simulations import BUNDLED, Catalogue
from steelyard.store import backups, opening
from steelyard.supervisor.scale import Scale

LEAST_DISK = 1 * GIB
"""Bytes; with less on its disk a run's output may not find room."""
LIBRARIES = ("click", "httpx", "msgspec", "peewee", "psutil", "rich", "starlette", "uvicorn", "websockets")
LEFT_NAMED = 10
"""Files in shared memory that are named."""
SIMULATION_LIBRARIES = ("numpy", "scipy", "matplotlib")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: a problem stops something from working, a note does not."""

    subject: str
    level: Literal["ok", "note", "problem"]
    text: str


def program() -> Iterator[Finding]:
    """Versions of everything that matters, and what is missing."""
    yield Finding("Steelyard", "ok", steelyard.__version__)
    yield Finding("Python", "ok", f"{platform.python_version()} ({platform.python_implementation()})")
    yield Finding("Platform", "ok", platform.platform())
    versions, missing = _versions(LIBRARIES)
    yield Finding("Libraries", "ok", f"{versions}, sqlite {sqlite3.sqlite_version}")
    if missing:
        yield Finding("Libraries", "problem", f"missing: {missing}; install Steelyard again")
    vendor = resources.files(steelyard) / "web" / "static" / "vendor"
    if not vendor.is_dir() or not any(vendor.iterdir()):
        yield Finding(
            "Pages",
            "note",
            "their scripts and styles are not built; with Node: python3 scripts/start.py --setup-only"
            " (on Windows py in place of python3)",
        )


def simulation_python(stated: str | None) -> Iterator[Finding]:
    """The Python of simulations that name none, and whether the bundled one would run in it."""
    python = default_python(stated)
    if python is None:
        place = "none on the PATH" if stated is None else f"there is none at {stated}"
        yield Finding(
            "Simulations' Python",
            "note" if stated is None else "problem",
            f"{place}; name one in STEELYARD_PYTHON or in the preferences (python)",
        )
        return
    try:
        found = versions_in(python, SIMULATION_LIBRARIES)
    except OSError as error:
        yield Finding("Simulations' Python", "problem", str(error))
        return
    yield Finding("Simulations' Python", "ok", python)
    missing = [name for name, version in found.items() if version is None]
    if missing:
        yield Finding(
            "steel-pathway",
            "note",
            f"the bundled simulation lacks {', '.join(missing)}: {python} -m pip install {' '.join(missing)}",
        )
    else:
        yield Finding("steel-pathway", "ok", ", ".join(f"{name} {found[name]}" for name in found))


def directory(data: DataDirectory) -> Iterator[Finding]:
    """The data directory: there, ours alone, writable, with room on its disk."""
    path = data.path
    if not path.exists():
        above = next(folder for folder in path.parents if folder.exists())
        if os.access(above, os.W_OK | os.X_OK):
            yield Finding("Data directory", "note", f"{path} is not there yet; `steelyard serve` makes it")
        else:
            yield Finding("Data directory", "problem", f"{path} cannot be made: {above} is not writable")
        return
    if not path.is_dir():
        yield Finding("Data directory", "problem", f"{path} is not a directory")
        return
    others = who_else(path)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("Data directory", "problem", f"{path} is not writable")
    elif others is not None:
        yield Finding(
            "Data directory",
            "problem",
            f"others may enter {path} ({others}); the next start of the sidecar shuts them out",
        )
    else:
        yield Finding("Data directory", "ok", str(path))
    free = shutil.disk_usage(path).free
    yield Finding("Disk", "ok" if free >= LEAST_DISK else "problem", f"{format_size(free)} free")


def preferences(data: DataDirectory) -> dict[str, object]:
    """What preferences.json states, only looked at: to set a damaged one aside is the sidecar's business.

    StartError bad_preferences for one that cannot be read.
    """
    try:
        return read_preferences(data.preferences)
    except Unreadable as error:
        if error.missing:
            return {}
        raise StartError(
            "bad_preferences",
            f"{data.preferences} {error}.",
            "The next start of the sidecar sets it aside and goes on with the defaults.",
        ) from error


def settings(found: Mapping[str, Any]) -> Iterator[Finding]:
    """What is set, with its value and where it is from; found is as the API has preferences."""
    values, schemas = found["values"], found["schema"]["properties"]
    stated = [
        f"{name} {in_words(values[name], schemas.get(name, {}))} ({source})"
        for name, source in found["sources"].items()
        if source != "default"
    ]
    yield Finding("Settings", "ok", ", ".join(stated) or "all by default")


def task_environment(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Where tasks have their variables from, and which of the user's they do not get."""
    source = found["source"] or "the sidecar's own"
    without = f"; left out: {', '.join(found['left_out'])}" if found["left_out"] else ""
    yield Finding("Tasks' variables", "ok", f"{source}{without}")
    if found["note"]:
        yield Finding("Tasks' variables", "note", found["note"])


def machine(settings: Settings) -> Iterator[Finding]:
    """Memory, cores and what they admit, as a sidecar would reckon with nothing running."""
    scale = Scale(probe, TreeSampler(), physical_cores())
    scale.weigh()
    view, cores = scale.view(settings), scale.cores(settings)
    peak = scale.alone(settings, scale.default_peak(settings), [])
    found = admission.admissible(view, [], active=0, peak=peak, cores=cores, cap=settings.worker_max_count)
    reading = scale.reading
    yield from figures(
        {
            "total": view.total,
            "available": view.available,
            "guard": view.guard,
            "pressure": view.pressure,
            "source": reading.source,
        },
        {
            "admissible": found.admissible,
            "active": 0,
            "bound_by": found.bound_by,
            "peak_per_worker": peak,
            "next_claim": None,
            "physical_cores": cores,
            "hard_cap": settings.worker_max_count,
        },
    )


def shared_memory() -> Iterator[Finding]:
    """What lies in shared memory and is used by nobody: it takes memory, and nobody else would say so."""
    left = unused()
    if left:
        what = "1 file" if len(left) == 1 else f"{len(left)} files"
        names = " ".join(one.path for one in left[:LEFT_NAMED])
        more = f" and {len(left) - LEFT_NAMED} more" if len(left) > LEFT_NAMED else ""
        yield Finding(
            "Shared memory",
            "note",
            f"{what} that no process of yours uses, {format_size(sum(one.bytes for one in left))}: "
            f"{names}{more}; programs that were killed left them, and removing them gives the memory back",
        )


def figures(memory: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[Finding]:
    """The same in words, from the local figures or from a sidecar's."""
    source = memory.get("source", "machine")
    yield Finding(
        "Memory",
        "ok" if memory["pressure"] == "normal" else "note",
        f"{format_size(memory['available'])} of {format_size(memory['total'])} available"
        + (f" (limited by {source})" if source != "machine" else "")
        + f", pressure {memory['pressure']}; {format_size(memory['guard'])} are kept as guard",
    )
    yield Finding("Cores", "ok", f"{limits['physical_cores']} physical cores may be used")
    active = f", {limits['active']} of them live" if limits["active"] else ""
    yield Finding(
        "Workers",
        "ok" if limits["admissible"] else "note",
        f"{limits['admissible']} admitted now{active}: {room(limits)}",
    )


def simulations(folder: Path) -> Iterator[Finding]:
    """The simulations' TOML files, those of a person in this folder, read here."""
    catalogue = Catalogue([BUNDLED, folder])
    catalogue.reload()
    yield from catalogued(sorted(catalogue.simulations), catalogue.errors)


def catalogued(names: list[str], errors: list[Any]) -> Iterator[Finding]:
    """Simulations by name, and what is wrong with which file."""
    yield Finding("Simulations", "ok", ", ".join(names) or "none")
    for error in errors:
        yield Finding("Simulations", "problem", f"{error['file']}, line {error['line']}: {error['message']}")


def database(data: DataDirectory) -> Iterator[Finding]:
    """Whether the database is whole; only for one that no sidecar has open. It is opened for reading only."""
    path = data.database
    if not path.exists():
        yield Finding("Database", "ok", "there is none yet")
        return
    yield from _backups(path)
    try:
        version = opening.inspect(path, lambda name, detail: None)
        with contextlib.closing(sqlite3.connect(f"{_uri(path)}?mode=ro", uri=True)) as connection:
            wrong = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
            wrong = [] if wrong == ["ok"] else wrong
            wrong += [
                f"a dangling reference in {row[0]}" for row in connection.execute("PRAGMA foreign_key_check")
            ]
    except StartError as error:
        yield Finding("Database", "problem", f"{error.message} {error.remedy}")
        return
    except sqlite3.Error as error:
        yield Finding("Database", "problem", f"{path} cannot be read: {error}")
        return
    if wrong:
        yield Finding("Database", "problem", f"{path} is damaged: {'; '.join(wrong[:5])}")
    else:
        yield Finding(
            "Database", "ok", f"whole, {format_size(path.stat().st_size)}, schema version {version}"
        )


def _backups(path: Path) -> Iterator[Finding]:
    copies = backups.known(path)
    if copies:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(copies[0].made))
        yield Finding("Backups", "ok", f"{len(copies)}, the latest from {made}: {copies[0].path.name}")


def _versions(names: tuple[str, ...]) -> tuple[str, str]:
    """What is installed, with versions, and what is not."""
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    return ", ".join(found), ", ".join(missing)


def _uri(path: Path) -> str:
    return path.absolute().as_uri()
