"""History beyond what the preferences keep goes: rows, then folders and logs, in small steps beside the loop.

What a step is about to remove is written down first (`runtime/pruning.json`): whatever ends the sidecar in
between, the next start removes the folders of rows that are gone and leaves those whose rows are there.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from steelyard.machine.answering import ask
from steelyard.machine.beside import beside
from steelyard.machine.private_files import set_aside, write_private
from steelyard.machine.regular_files import Unreadable, read_json
from steelyard.rules.errors import Unanswered
from steelyard.rules.quantities import format_size
from steelyard.store import retention
from steelyard.store.retention import Mark
from steelyard.supervisor import notices
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

STEP = 20
"""Tasks, or workers, in one transaction: up to 500 samples an attempt go with each."""
LARGEST_NOTE = 1 << 20
"""Bytes; the largest that is written has some kilobytes."""
REMOVED_WITHIN = 600.0
"""Seconds that the folder of one task may take to be removed: 100,000 files of a slow disk."""
LOG_BACKUPS = 9
"""Rotated logs of a worker that are looked for; more than are ever kept."""


class Intent(msgspec.Struct):
    """What is about to be removed; logs are where they lay then, for WORKER_LOG_DIR may change."""

    tasks: list[str] = []
    workers: list[str] = []
    log_dir: str = ""


@dataclass
class Removed:
    """What a round has removed."""

    tasks: int = 0
    workers: int = 0
    bytes: int = 0
    kept: list[str] = field(default_factory=list)
    """Folders that could not be removed."""


async def prune(yard: Yard) -> Removed:
    """Remove what the preferences do not keep, step by step; what went is logged, and told at the end.

    A disk that refuses the step's transaction, or the note before it, ends the round: StorageFull, OSError.
    """
    removed = Removed()
    now, settings = yard.clocks.wall(), yard.read_settings()
    before = now - settings.keep_tasks_for if settings.keep_tasks_for else None
    keep = settings.keep_tasks or None
    aside = yard.database.aside
    up_to: Mark | None = None
    if before is not None or keep is not None:
        up_to = await aside.read(lambda reader: retention.mark(reader, before=before, keep=keep))
    if up_to is not None:
        await _prune_tasks(yard, up_to, removed)
    oldest = now - settings.keep_worker_logs_for
    while settings.keep_worker_logs_for and not yard.stopping:
        found = await aside.read(lambda reader: retention.workers_to_go(reader, oldest, STEP))
        if not found:
            break
        await _remove_workers(yard, found, removed)
    if removed.tasks:
        text = (
            f"Ended tasks removed from the history, with their folders: {removed.tasks} "
            f"({format_size(removed.bytes)}), as the preferences keep_tasks and keep_tasks_for say."
        )
        notices.give(yard, "retention", text, tasks=removed.tasks, bytes=removed.bytes)
    return removed


async def _prune_tasks(yard: Yard, up_to: Mark, removed: Removed) -> None:
    """Step by step, until no more may go; a folder that could not be removed keeps none of the others."""
    while not yard.stopping:
        found = await yard.database.aside.read(lambda reader: retention.tasks_to_go(reader, up_to, STEP))
        if not found:
            return
        await _remove_tasks(yard, up_to, found, removed)


async def _remove_tasks(yard: Yard, mark: Mark, found: Sequence[str], removed: Removed) -> None:
    note = _note(yard)
    write_private(note, msgspec.json.encode(Intent(tasks=list(found))))
    gone = await yard.database.change(lambda change: retention.remove_tasks(change, mark, found))
    freed, kept = await _remove_folders(yard, gone)
    log.info("removed from the history: tasks %s (%s)", ", ".join(gone), format_size(freed))
    removed.tasks += len(gone)
    removed.bytes += freed
    removed.kept += kept
    note.unlink(missing_ok=True)


async def _remove_workers(yard: Yard, found: Sequence[str], removed: Removed) -> None:
    note, folder = _note(yard), yard.settings.worker_log_dir
    write_private(note, msgspec.json.encode(Intent(workers=list(found), log_dir=str(folder or ""))))
    gone = await yard.database.change(lambda change: retention.remove_workers(change, found))
    await beside(lambda: _remove_logs(yard, gone, folder))
    log.info("removed from the history: workers %s with their logs", ", ".join(gone))
    removed.workers += len(gone)
    note.unlink(missing_ok=True)


async def finish_interrupted(yard: Yard) -> None:
    """After the start: what a step that was cut off had still to remove.

    A note that cannot be read says nothing, and is set aside with a notice; doctor --repair finds what it was
    about. OSError if even that fails.
    """
    note = _note(yard)
    try:
        intent = msgspec.convert(read_json(note, LARGEST_NOTE), type=Intent)
        for task_id in intent.tasks:
            yard.data.task(task_id)  # ValueError for what is no id
    except (Unreadable, ValueError) as error:
        if isinstance(error, Unreadable) and error.missing:
            return
        why = f"{note} {error if isinstance(error, Unreadable) else 'is no such note'}"
        aside = set_aside(note, yard.clocks.wall())
        text = (
            f"{why}. It was kept as {aside.name}. Folders of removed tasks may still be there: "
            "`steelyard doctor` names them."
        )
        log.warning("%s", text)
        notices.give(yard, "retention", text)
        return
    tasks = retention.missing(yard.database, "task", intent.tasks)
    workers = retention.missing(yard.database, "worker", intent.workers)
    folder = Path(intent.log_dir) if intent.log_dir else None
    await _remove_folders(yard, tasks)
    await beside(lambda: _remove_logs(yard, workers, folder))
    log.info("finished what was being removed: tasks %s, workers %s", tasks, workers)
    note.unlink(missing_ok=True)


def _note(yard: Yard) -> Path:
    return yard.data.runtime / "pruning.json"


async def _remove_folders(yard: Yard, task_ids: Iterable[str]) -> tuple[int, list[str]]:
    """Bytes that were freed, and the folders that could not be removed (doctor --repair finds them)."""
    freed, kept = 0, []
    for task_id in task_ids:
        folder = yard.data.task(task_id)
        try:
            freed += await ask(str(folder), partial(_remove_folder, folder), REMOVED_WITHIN)
        except FileNotFoundError:
            continue  # it never ran
        except (OSError, Unanswered) as error:
            kept.append(str(folder))
            log.warning("the folder of removed task %s stays: %s", task_id, error)
    return freed, kept


def _remove_folder(folder: Path) -> int:
    size = _size_of(folder)
    shutil.rmtree(folder)
    return size


def _remove_logs(yard: Yard, worker_ids: Iterable[str], folder: Path | None) -> None:
    for worker_id in worker_ids:
        path = yard.data.worker_log(worker_id, folder)
        for name in (path, *(path.with_name(f"{path.name}.{n}") for n in range(1, LOG_BACKUPS + 1))):
            with suppress(OSError):
                name.unlink(missing_ok=True)


def _size_of(folder: Path) -> int:
    """Bytes of the files in a folder; links count for themselves. FileNotFoundError if it is not there."""
    total = 0
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            total += _size_of(Path(entry.path))
        else:
            total += entry.stat(follow_symlinks=False).st_size
    return total
