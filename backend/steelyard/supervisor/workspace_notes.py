"""What was brought to each run, written down while it runs: a killed sidecar leaves it to the next."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
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

Key = tuple[str, int]
"""Task and number of an attempt."""

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


def _told(note: Path) -> Any:
    """What a note says, None without one. For a bad one Unreadable or ValueError."""
    try:
        return read_json(note, LARGEST)
    except Unreadable as error:
        if error.missing:
            return None
        raise


def _read(told: Any, work: Path) -> tuple[Run, Brought | None]:
    """What was brought into an attempt's folder. For a bad note ValueError, KeyError, TypeError."""
    run = Run(workspace="fresh", keep=tuple(told["keep"]), drop=tuple(told["drop"]))
    found = told["brought"]
    if found is None:
        return run, None
    brought = Brought(
        str(work),
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


def keep(note: Path, said: Sequence[str]) -> None:
    """The attempt is tidied up, and this is still to be said on its task."""
    try:
        write_private(note, json.dumps({"said": list(said)}, ensure_ascii=True).encode())
    except OSError as error:
        log.warning("the note %s could not be written: %s", note, error)


def left(data: DataDirectory) -> list[tuple[Path, Key]]:
    """The notes that there are, each with its attempt. At the start, before any run begins: all are of an
    earlier sidecar's runs.
    """
    folder = data.runtime / "workspaces"
    try:
        found = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        log.warning("what earlier runs left in their folders stays: %s cannot be read: %s", folder, error)
        return []
    named = ((note, _NAME.fullmatch(note.name)) for note in found)
    return [(note, (name[1], int(name[2]))) for note, name in named if name is not None]


def tidy_up(data: DataDirectory, note: Path, attempt: Key, *, succeeded: bool) -> list[str]:
    """Tidy up an attempt by its note, which stays; what is to be said of it. Blocks."""
    work = data.attempt(*attempt) / "work"
    try:
        told = _told(note)
        if told is None:
            return []
        if "said" in told:
            return [str(one) for one in told["said"]]
        run, brought = _read(told, work)
        if brought is not None:
            said = fresh_folder.tidy_up(brought, run, watching.ours(data), succeeded=succeeded)
        else:
            failed = links.remove_tree(str(work)) if work.is_dir() else None
            said = [] if failed is None else [f"The run's folder could not be removed: {failed}."]
    except (OSError, Unreadable, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("the folder of task %s, attempt %d, stays as it is: %r", *attempt, error)
        said = ["What was brought into the run's folder is not known any more, and still lies there."]
    if said:
        keep(note, said)
    return said


def _stamp(found: list[int]) -> Stamp:
    size, changed, number = found
    return (int(size), int(changed), int(number))
