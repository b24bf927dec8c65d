"""What was brought to each run, written down while it runs: a killed sidecar leaves it to the next."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from steelyard.machine import links
from steelyard.machine.paths import DataDirectory
from steelyard.machine.private_files import make_private_directory, write_private
from steelyard.machine.regular_files import Unreadable, read_json
from steelyard.machine.trees import Stamp
from steelyard.settings.run_section import Run
from steelyard.supervisor import fresh_folder, watching
from steelyard.supervisor.fresh_folder import Brought

log = logging.getLogger(__name__)

LARGEST = 256 << 20
"""Bytes of a note; one on 100,000 files has some 10 MiB."""

_NAME = re.compile(r"([A-Za-z0-9_-]{1,64})\.(\d{1,9})\.json")


def path(data: DataDirectory, task_id: str, number: int) -> Path:
    """The note on an attempt."""
    return data.runtime / "workspaces" / f"{task_id}.{number:d}.json"


def write(note: Path, run: Run, brought: Brought | None) -> None:
    """Write down what was brought; None: nothing of what lies in the folder is the run's own. OSError."""
    told: dict[str, Any] = {"keep": run.keep, "drop": run.drop, "brought": None}
    if brought is not None:
        told["brought"] = {
            "directory": brought.directory,
            "made": brought.made,
            "folders": brought.folders,
            "links": brought.links,
            "behind": brought.behind,
        }
    make_private_directory(note.parent)
    # Names that are no text are lone surrogates here, which JSON takes in this form.
    write_private(note, json.dumps(told, ensure_ascii=True).encode())


def read(data: DataDirectory, task_id: str, number: int) -> tuple[Run, Brought | None] | None:
    """The note on an attempt, or None. For a bad one Unreadable, ValueError, KeyError, TypeError."""
    try:
        told: Any = read_json(path(data, task_id, number), LARGEST)
    except Unreadable as error:
        if error.missing:
            return None
        raise
    run = Run(workspace="fresh", keep=tuple(told["keep"]), drop=tuple(told["drop"]))
    found = told["brought"]
    if found is None:
        return run, None
    brought = Brought(
        str(data.attempt(task_id, number) / "work"),
        str(found["directory"]),
        {name: _stamp(one) for name, one in found["made"].items()},
        list(found["folders"]),
        dict(found["links"]),
        {name: _stamp(one) for name, one in found["behind"].items()},
    )
    return run, brought


def remove(note: Path) -> None:
    """The attempt is tidied up."""
    try:
        note.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the note %s could not be removed: %s", note, error)


def left(data: DataDirectory) -> list[Path]:
    """The notes that there are. At the start, before any run begins: all are of an earlier sidecar's runs."""
    folder = data.runtime / "workspaces"
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        log.warning("what earlier runs left in their folders stays: %s cannot be read: %s", folder, error)
        return []


def tidy_up(data: DataDirectory, notes: Iterable[Path]) -> list[tuple[tuple[str, int], list[str]]]:
    """Tidy up the attempts of these notes: (task, number) and what is to be said of each. Blocks."""
    done = []
    for note in notes:
        named = _NAME.fullmatch(note.name)
        if named is None:
            continue
        task_id, number = named[1], int(named[2])
        said: list[str] = []
        try:
            found = read(data, task_id, number)
            if found is not None and found[1] is not None:
                said = fresh_folder.tidy_up(found[1], found[0], watching.ours(data), succeeded=False)
            elif (data.attempt(task_id, number) / "work").is_dir():
                links.remove_tree(str(data.attempt(task_id, number) / "work"))
        except (OSError, Unreadable, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("the folder of task %s, attempt %d, stays as it is: %r", task_id, number, error)
            said = ["What was brought into the run's folder is not known any more, and still lies there."]
        remove(note)
        done.append(((task_id, number), said))
    return done


def _stamp(found: list[int]) -> Stamp:
    size, changed, number = found
    return (int(size), int(changed), int(number))
