"""What the doctor can mend, one after the other. Looking changes nothing; each repair says what it will do.

The order counts: the database first, since the rest is judged by it. While it is damaged, the rest is judged
by the backup that would take its place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from steelyard.cli import leftovers
from steelyard.machine.paths import DataDirectory
from steelyard.machine.private_files import flush_to_disk, sync_directory
from steelyard.rules.errors import StartError
from steelyard.rules.quantities import format_size
from steelyard.store import backups, mending, opening
from steelyard.store.tables import SCHEMA_VERSION

NAMED = 5
"""Things of one kind that are named one by one."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that is wrong. apply() mends it: OSError, sqlite3.Error, StartError."""

    subject: str
    wrong: str
    remedy: str
    apply: Callable[[], None]
    urgent: bool = False
    """Nothing works before it is mended."""


def plan(data: DataDirectory, *, discard: bool = False) -> Iterator[Repair]:
    """What can be mended; a later one is looked for when the earlier ones were, or were not, mended.

    discard: what was set aside goes too.
    """
    stale = leftovers.stale(data)
    if stale:
        yield Repair("Files", f"a run that was killed left {_named(stale)}", "remove them", _removes(stale))
    backup, damage = None, _damage(data)
    if damage is not None:
        backup = backups.sound(data.database)
        yield _restore(data, backup, damage)
        damage = _damage(data)
    judge = data.database if damage is None else backup.path if backup is not None else None
    if judge is not None and judge.exists():
        yield from _disagreements(data, judge)
        yield from _orphans(data, judge)
    if discard:
        for path in leftovers.set_aside(data):
            wrong = f"{path.name} was set aside and holds {format_size(leftovers.size_of(path))}"
            yield Repair("Set aside", wrong, "remove it for good", _removes([path]))


def without_folders(data: DataDirectory) -> str | None:
    """In words, which tasks have lost their folders; nothing brings these back, and their rows stay."""
    try:
        with contextlib.closing(_reading(data.database)) as connection:
            gone = mending.without_folders(connection, data.tasks)
    except sqlite3.Error:
        return None
    if not gone:
        return None
    names = _named([Path(task_id) for task_id in gone])
    return f"the folders of {len(gone)} tasks are gone, and with them what these printed and wrote: {names}"


def _damage(data: DataDirectory) -> str | None:
    """What is wrong with the database file; None: it is whole, or there never was one."""
    if not data.database.exists():
        gone = backups.sound(data.database) is not None
        return f"{data.database} is not there, though backups of it are." if gone else None
    try:
        opening.inspect(data.database, lambda name, detail: None)
        with contextlib.closing(_reading(data.database)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
    except StartError as error:
        return error.message if error.fatal_code == "database_corrupt" else None
    except sqlite3.Error as error:
        return f"{data.database} cannot be read: {error}."
    return None if found == ["ok"] else f"{data.database} is damaged: {'; '.join(found)}."


def _restore(data: DataDirectory, backup: backups.Backup | None, damage: str) -> Repair:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = f"set it aside as {data.database.name}.damaged-{stamp}"

    def apply() -> None:
        part = data.database.with_name(f"{data.database.name}.backup-restored.part")
        if backup is not None:
            # All that takes time comes first; a crash between the two renames leaves no database, which the
            # next start does not take for a new one.
            shutil.copyfile(backup.path, part)
            os.chmod(part, 0o600)
            with part.open("rb+") as file:
                flush_to_disk(file.fileno())
        opening.set_aside(data.database, stamp)
        if backup is not None:
            part.replace(data.database)
        sync_directory(data.path)

    if backup is None:
        remedy = f"{aside} and begin anew: there is no usable backup; the tasks' folders stay"
    elif not data.database.exists():
        remedy = f"put back {backup.path.name}, {_lost(data, backup)}; the tasks' folders stay"
    else:
        remedy = f"{aside} and put back {backup.path.name}, {_lost(data, backup)}; the tasks' folders stay"
    return Repair("Database", damage, remedy, apply, urgent=True)


def _lost(data: DataDirectory, backup: backups.Backup) -> str:
    """What the backup does not know, as far as the damaged database and the folders can still tell."""
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(backup.made))
    with contextlib.closing(_reading(backup.path)) as connection:
        known = mending.attempts(connection)
    newer = len(leftovers.orphans(data, known))
    try:
        with contextlib.closing(_reading(data.database)) as connection:
            lost = mending.attempts(connection).keys() - known.keys()
            last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        changes = int(last[0]) - (backup.last_seq or 0)
        words = f"{len(lost)} tasks and {changes} changes since then are lost"
    except (sqlite3.Error, TypeError):
        words = "what was queued and what ended since then is lost"
    return f"made {made}: {words}; {newer} folders are of tasks or attempts that it does not know"


def _disagreements(data: DataDirectory, judge: Path) -> Iterator[Repair]:
    with contextlib.closing(_reading(judge)) as connection:
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                return  # the next start migrates it first
            mends = mending.look(connection, data.tasks)
        except sqlite3.Error:
            return  # not ours to mend
    for mend in mends:
        yield Repair("Database", mend.wrong, mend.remedy, _writes(data, mend.apply))


def _writes(data: DataDirectory, work: Callable[[sqlite3.Connection], None]) -> Callable[[], None]:
    def apply() -> None:
        with contextlib.closing(sqlite3.connect(data.database, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN IMMEDIATE")
            work(connection)
            connection.execute("COMMIT")

    return apply


def _orphans(data: DataDirectory, judge: Path) -> Iterator[Repair]:
    with contextlib.closing(_reading(judge)) as connection:
        try:
            known = mending.attempts(connection)
        except sqlite3.Error:
            return
    found = leftovers.orphans(data, known)
    for holds_results in (True, False):
        some = [orphan for orphan in found if orphan.holds_results is holds_results]
        if not some:
            continue
        total = format_size(sum(orphan.bytes for orphan in some))
        wrong = f"{len(some)} folders are of tasks or attempts that the database does not know ({total}): "
        remedy = (
            f"move them to {leftovers.found_folder(data)}, where their results can be read"
            if holds_results
            else "remove them: they hold no results"
        )
        names = _named([orphan.path.relative_to(data.tasks) for orphan in some])
        yield Repair("Task folders", wrong + names, remedy, _puts_away(data, some))


def _puts_away(data: DataDirectory, orphans: list[leftovers.Orphan]) -> Callable[[], None]:
    def apply() -> None:
        for orphan in orphans:
            leftovers.put_away(data, orphan)

    return apply


def _removes(paths: list[Path]) -> Callable[[], None]:
    def apply() -> None:
        for path in paths:
            leftovers.remove(path)

    return apply


def _named(paths: list[Path]) -> str:
    names = ", ".join(str(path) for path in paths[:NAMED])
    return names + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")


def _reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads. A backup gets no log beside it; the database may have one to be read."""
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)
    connection.row_factory = sqlite3.Row
    return connection
