"""The catalogue of simulations: the built-in one, those that are shipped, and the user's own.

A file in a later folder replaces the simulation of the same name from an earlier one, as a user expects who
copies a shipped file to change it. While that file is faulty nothing runs under its name: the shipped one
would silently compute something else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from steelyard.machine.decoding import document_of
from steelyard.machine.regular_files import Unreadable, read_regular
from steelyard.rules.errors import NotFound
from steelyard.settings.builtin import COMMAND
from steelyard.settings.simulation import Launch, Simulation
from steelyard.settings.simulation_file import LARGEST, Fault, Faulty, read_simulation
from steelyard.settings.toml_lines import line_of
from steelyard.settings.wording import sentence, suggestion

__all__ = ["BUNDLED", "Catalogue", "Launch", "Simulation"]

log = logging.getLogger(__name__)

BUNDLED = Path(__file__).resolve().parent.parent / "simulations"
"""The folder of the simulations that are shipped."""


class _Stamp(NamedTuple):
    """A file that has the same stamp has not changed."""

    mtime: int
    size: int
    inode: int


class Catalogue:
    """All simulations of some folders, later ones over earlier ones. reload() after making one."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)
        self.simulations: dict[str, Simulation] = {COMMAND.name: COMMAND}
        self.errors: list[dict[str, object]] = []
        """{"file", "line", "message"} of everything that is wrong with any file."""
        self._seen: dict[Path, tuple[_Stamp, Simulation | Faulty]] = {}
        self._blocked: dict[str, Path] = {}
        self._trouble: list[dict[str, object]] = []

    def reload(self) -> bool:
        """Reads what has changed on the disk; True if anything has. Some 50 µs when nothing has."""
        before, self._trouble = self._trouble, []
        stamps = [self._stamps(folder) for folder in self.folders]
        found = {path: stamp for folder in stamps for path, stamp in folder.items()}
        known = {path: stamp for path, (stamp, _) in self._seen.items()}
        if found == known and self._trouble == before:
            return False
        self._seen = {
            path: self._seen[path] if known.get(path) == stamp else (stamp, _read(path))
            for path, stamp in found.items()
        }
        self._arrange(stamps)
        return True

    def get(self, name: str) -> Simulation:
        """The simulation of this name. NotFound; it says so if there is one, but its file is faulty."""
        simulation = self.simulations.get(name)
        if simulation is not None:
            return simulation
        if name in self._blocked:
            path = self._blocked[name]
            told = next((error for error in self.errors if error["file"] == str(path)), None)
            where = f"{path}, line {told['line']}: {told['message']}" if told else str(path)
            raise NotFound(f"The simulation {name} cannot be used: {sentence(where)}")
        raise NotFound(sentence(f"There is no simulation {name[:80]!r}{suggestion(name, self.simulations)}"))

    def _arrange(self, folders: list[dict[Path, _Stamp]]) -> None:
        simulations: dict[str, Simulation] = {COMMAND.name: COMMAND}
        errors = list(self._trouble)
        blocked: dict[str, Path] = {}
        for folder in folders:
            taken: dict[str, Path] = {}
            for path in folder:
                read = self._seen[path][1]
                if isinstance(read, Faulty):
                    errors += [_error(path, fault) for fault in read.faults]
                    if read.name not in taken and read.name != COMMAND.name:
                        blocked[read.name] = path
                        simulations.pop(read.name, None)
                elif read.name in taken:
                    message = f'simulation.name: "{read.name}" is the name of {taken[read.name].name} already'
                    errors.append(_error(path, Fault(_line_of_name(path), message)))
                else:
                    taken[read.name] = path
                    simulations[read.name] = read
                    blocked.pop(read.name, None)
        self.simulations, self.errors, self._blocked = simulations, errors, blocked

    def _stamps(self, folder: Path) -> dict[Path, _Stamp]:
        """Every TOML file of a folder, in the order of their names; a folder that is not there is empty."""
        found = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.endswith(".toml") or entry.name.startswith("."):
                        continue
                    path = folder / entry.name
                    try:
                        # is_file: opening a named pipe would wait for ever.
                        if entry.is_file():
                            stat = entry.stat()
                            found[path] = _Stamp(stat.st_mtime_ns, stat.st_size, stat.st_ino)
                    except OSError as error:
                        # A link that loops, a right that is missing: of this file alone.
                        fault = Fault(1, f"the file cannot be read: {error.strerror or error}")
                        self._trouble.append(_error(path, fault))
        except FileNotFoundError:
            return {}
        except OSError as error:
            fault = Fault(1, f"the folder cannot be read: {error.strerror or error}")
            self._trouble.append(_error(folder, fault))
        return dict(sorted(found.items()))


def _read(path: Path) -> Simulation | Faulty:
    try:
        return read_simulation(path)
    except Faulty as faulty:
        return faulty
    except Exception as error:
        # A fault of ours with one file hides no other; which line it met, nobody knows.
        log.exception("the simulation file %s could not be read", path)
        message = f"Steelyard could not read it: {type(error).__name__}: {error}; its log says more"
        return Faulty(path.stem, [Fault(1, message)])


def _error(path: Path, fault: Fault) -> dict[str, object]:
    return {"file": str(path), "line": fault.line, "message": fault.message}


def _line_of_name(path: Path) -> int:
    try:
        text, _ = document_of(read_regular(path, LARGEST, links=True))
    except Unreadable:
        return 1
    return line_of(text, ("simulation", "name"))
