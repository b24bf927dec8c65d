"""Files in a data directory that nobody knows: folders of tasks without a row, and what was set aside.

Looking changes nothing. What holds results is moved to `found/`, never removed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from steelyard.machine.paths import DataDirectory
from steelyard.machine.private_files import make_private_directory
from steelyard.store import backups

_ATTEMPT = re.compile(r"attempt-([1-9][0-9]*)")
_TEMPORARY = ".*.tmp"
"""What write_private() leaves when it is killed in the midst of it."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A folder of a task, or of an attempt, that the database does not know."""

    path: Path
    bytes: int
    holds_results: bool


def found_folder(data: DataDirectory) -> Path:
    """Where folders go whose tasks nobody knows."""
    return data.path / "found"


def orphans(data: DataDirectory, attempts: Mapping[str, int]) -> list[Orphan]:
    """Folders in tasks/ of no task, and attempts that their tasks have not had.

    attempts: task id -> how many it has had.
    """
    return [_weighed(path) for path in sorted(_unknown(data, attempts))]


def _unknown(data: DataDirectory, attempts: Mapping[str, int]) -> Iterator[Path]:
    for entry in _entries(data.tasks):
        had = attempts.get(entry.name)
        if had is None:
            yield Path(entry.path)
            continue
        for inner in _entries(Path(entry.path)):
            match = _ATTEMPT.fullmatch(inner.name)
            if match is not None and int(match[1]) > had:
                yield Path(inner.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _weighed(folder: Path) -> Orphan:
    size, holds_results = 0, False
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_file():
            size += path.lstat().st_size
            holds_results = holds_results or path.name != "parameters.json"
    return Orphan(folder, size, holds_results)


def put_away(data: DataDirectory, orphan: Orphan) -> Path | None:
    """Move a folder to found/ under its name; None: it held no results and was removed. OSError."""
    if not orphan.holds_results:
        shutil.rmtree(orphan.path)
        return None
    target = found_folder(data) / orphan.path.relative_to(data.tasks)
    make_private_directory(target.parent)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{orphan.path.name}.{number}")
    orphan.path.rename(target)
    return target


def stale(data: DataDirectory) -> list[Path]:
    """What a run that was killed left: its record, and files that it had begun to write."""
    found = [data.record] if data.record.exists() else []
    for folder in (data.path, data.runtime, data.runtime / "helper"):
        found += sorted(folder.glob(_TEMPORARY))
    return [*found, *backups.unfinished(data.database)]


def set_aside(data: DataDirectory) -> list[Path]:
    """What was kept though it could not be used: databases, preferences, notes, folders in found/."""
    found = found_folder(data)
    return [
        *sorted(data.path.glob(f"{data.database.name}.damaged-*")),
        *sorted(data.path.glob(f"{data.preferences.name}.unreadable-*")),
        *sorted(data.runtime.glob("*.unreadable-*")),
        *([found] if found.is_dir() else []),
    ]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return _weighed(path).bytes if path.is_dir() else path.lstat().st_size


def remove(path: Path) -> None:
    """Remove a file or a folder. OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
