"""Copies of a database in use: whole, checked, few, and never instead of a better one."""

from __future__ import annotations

import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from steelyard.store import backups
from steelyard.store.database import Database
from tests.unit.store.making import NOW, new, opened, submit

DAY = 86_400.0


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir() if "backup" in entry.name)


def spoil(path: Path, page: int = 3) -> None:
    """Overwrite a page in the middle of the file."""
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)


def test_a_copy_of_a_database_in_use_holds_what_was_committed(database: Database, path: Path) -> None:
    submit(database, new(label="kept"))
    made = backups.make(path, NOW)
    assert made is not None and made.path.name == "steelyard.db.backup-20260115T103000Z"
    assert made.made == NOW and made.last_seq == 1
    if sys.platform != "win32":
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    submit(database, new())
    copy = opened(made.path)
    assert [row["label"] for row in copy.execute("SELECT label FROM task")] == ["kept"]
    assert copy.integrity_check() == []
    copy.close()


def test_nothing_new_needs_no_copy_and_leaves_no_trace(database: Database, path: Path) -> None:
    submit(database, new())
    assert backups.make(path, NOW) is not None
    before = names(path)
    assert backups.make(path, NOW + DAY) is None
    assert names(path) == before == ["steelyard.db.backup-20260115T103000Z"]


def test_the_latest_few_are_kept_and_those_from_before_a_migration_too(
    database: Database, path: Path
) -> None:
    before_migration = path.with_name("steelyard.db.backup-v1")
    before_migration.write_bytes(b"")
    for day in range(backups.KEEP + 2):
        submit(database, new())
        assert backups.make(path, NOW + day * DAY) is not None
    kept = [one.path.name for one in backups.known(path) if one.path != before_migration]
    assert len(kept) == backups.KEEP
    assert kept[0] == "steelyard.db.backup-20260119T103000Z"
    assert before_migration.exists()


def test_a_damaged_database_does_not_push_out_a_good_copy(path: Path) -> None:
    database = opened(path)
    submit(database, *(new(label="x" * 500) for _ in range(200)))
    good = backups.make(path, NOW)
    submit(database, new())
    database.close()
    whole = path.read_bytes()
    for page in (0, 20, len(whole) // 4096 - 40):
        path.write_bytes(whole)
        spoil(path, page)
        with pytest.raises(backups.Damaged):
            backups.make(path, NOW + DAY)
        assert good is not None and names(path) == [good.path.name]
        assert backups.sound(path) == good


def test_a_copy_that_is_damaged_itself_is_passed_over(database: Database, path: Path) -> None:
    submit(database, *(new(label="x" * 500) for _ in range(200)))
    good = backups.make(path, NOW)
    submit(database, new())
    bad = backups.make(path, NOW + DAY)
    assert bad is not None and good is not None
    spoil(bad.path, 20)
    assert backups.sound(path) == good
    bad.path.write_bytes(b"no database")
    assert backups.known(path)[0].last_seq is None or backups.known(path)[1].last_seq is None
    assert backups.sound(path) == good


def test_a_copy_that_is_given_up_leaves_nothing(database: Database, path: Path) -> None:
    submit(database, new())
    with pytest.raises(InterruptedError):
        backups.make(path, NOW, lambda: True)
    assert names(path) == []


def test_a_disk_without_room_for_it_is_not_filled(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(database, new())
    monkeypatch.setattr(backups, "ROOM", 10**12)
    with pytest.raises(OSError) as caught:
        backups.make(path, NOW)
    assert caught.value.errno == 28
    assert names(path) == []


async def test_changes_go_on_while_it_is_copied_and_the_copy_is_of_one_moment(
    database: Database, path: Path
) -> None:
    submit(database, *(new(label="x" * 900) for _ in range(3000)))
    asked = 0

    def change_meanwhile() -> bool:
        # Called between two stretches of pages, here by the thread of the database itself.
        nonlocal asked
        asked += 1
        submit(database, new())
        return False

    made = backups.make(path, NOW, change_meanwhile)
    assert made is not None and asked > 1
    assert backups.faults_in(made.path) == []
    with sqlite3.connect(made.path) as connection:
        assert connection.execute("SELECT count(*) FROM task").fetchone()[0] == 3000
    connection.close()
