"""The file before its use: whole, ours, private, of the right schema; or left as it was and said why."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from steelyard.machine.paths import LONGEST
from steelyard.rules.errors import StartError
from steelyard.store import opening
from steelyard.store.database import Database
from steelyard.store.tables import SCHEMA_VERSION
from tests.fakes.clocks import FakeClocks
from tests.unit.store.making import new, opened, submit

NEXT = SCHEMA_VERSION + 1


def digest(path: Path) -> dict[str, str]:
    """What lies beside the database, but the shared-memory index, which any reader makes."""
    return {
        entry.name: hashlib.sha256(entry.read_bytes()).hexdigest()
        for entry in path.parent.iterdir()
        if entry.is_file() and not entry.name.endswith("-shm") and entry.stat().st_size
    }


def filled(path: Path, tasks: int = 300) -> None:
    database = opened(path)
    submit(database, *(new(label=f"task {number}") for number in range(tasks)))
    database.close()


def refused(path: Path) -> StartError:
    """The error of a start on this file, which must not change a byte."""
    before = digest(path)
    with pytest.raises(StartError) as caught:
        opened(path)
    assert digest(path) == before
    return caught.value


def add_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE task ADD COLUMN colour TEXT")


def test_a_new_file_has_our_schema_and_tells_its_phases(path: Path) -> None:
    phases: list[tuple[str, str]] = []
    database = Database.open(path, FakeClocks(), lambda name, detail: phases.append((name, detail)))
    assert database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert [name for name, _ in phases] == ["opening", "migrating"]
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_files_are_private_under_any_umask(path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        database = opened(path)
        submit(database, new())
    finally:
        os.umask(old)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes == {"steelyard.db": 0o600, "steelyard.db-wal": 0o600, "steelyard.db-shm": 0o600}
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_file_that_others_could_read_is_made_private(path: Path) -> None:
    filled(path)
    path.chmod(0o644)
    opened(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_stored_is_there_after_a_restart(path: Path) -> None:
    filled(path, 3)
    database = opened(path)
    assert database.execute("SELECT count(*) FROM task").fetchone()[0] == 3
    database.close()


def test_a_file_of_noise_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)
    error = refused(path)
    assert error.fatal_code == "database_corrupt"
    assert str(path) in error.message and "doctor --repair" in error.remedy


def test_a_truncated_file_is_refused_and_left_alone(path: Path) -> None:
    filled(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refused(path).fatal_code == "database_corrupt"


def test_a_damaged_page_is_found_at_the_start(path: Path) -> None:
    filled(path)
    data = bytearray(path.read_bytes())
    for page in range(8, len(data) // 4096, 2):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    assert refused(path).fatal_code == "database_corrupt"


def test_a_large_damaged_file_is_found_after_a_crash_and_left_alone_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "SMALL", 0)
    other = tmp_path / "other"
    other.mkdir()
    database = opened(path)
    submit(database, *(new() for _ in range(300)))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    submit(database, new())
    copy = other / "steelyard.db"
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    for page in range(pages * 3 // 4, pages):  # far from the schema, which every start reads
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    copy.write_bytes(data)
    log = path.with_name("steelyard.db-wal").read_bytes()
    assert log
    copy.with_name("steelyard.db-wal").write_bytes(log)
    database.close()
    assert refused(copy).fatal_code == "database_corrupt"


def test_another_programs_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipe(name)")
    other.close()
    error = refused(path)
    assert error.fatal_code == "database_corrupt" and "another program" in error.message


def test_a_newer_schema_is_refused(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {NEXT}")
    other.close()
    with pytest.raises(StartError, match=f"schema {NEXT}") as caught:
        opened(path)
    assert caught.value.fatal_code == "migration_failed"


def test_a_migration_leaves_a_private_backup_of_the_old_file(path: Path) -> None:
    filled(path, 5)
    database = Database.open(
        path, FakeClocks(), lambda name, detail: None, migrations={SCHEMA_VERSION: add_column}, target=NEXT
    )
    columns = {row["name"] for row in database.execute("PRAGMA table_info(task)")}
    assert "colour" in columns
    assert database.execute("PRAGMA user_version").fetchone()[0] == NEXT
    assert database.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    database.close()
    backup = path.with_name(f"steelyard.db.backup-v{SCHEMA_VERSION}")
    if sys.platform != "win32":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    old = opened(backup)
    assert old.execute("SELECT count(*) FROM task").fetchone()[0] == 5
    assert "colour" not in {row["name"] for row in old.execute("PRAGMA table_info(task)")}
    old.close()


def breaks(connection: sqlite3.Connection) -> None:
    add_column(connection)
    raise ZeroDivisionError("the step is wrong")


def orphans(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO task_tag(tag, serial) VALUES ('a', 4711)")


@pytest.mark.parametrize("step", [breaks, orphans])
def test_a_migration_that_fails_leaves_everything_as_it_was(path: Path, step: opening.Migration) -> None:
    filled(path, 5)
    with pytest.raises(StartError) as caught:
        Database.open(
            path, FakeClocks(), lambda name, detail: None, migrations={SCHEMA_VERSION: step}, target=NEXT
        )
    assert caught.value.fatal_code == "migration_failed"
    assert f"backup-v{SCHEMA_VERSION}" in caught.value.remedy
    database = opened(path)
    assert database.execute("SELECT count(*) FROM task").fetchone()[0] == 5
    assert database.integrity_check() == []
    database.close()


def test_a_backup_that_finds_no_room_stops_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, 5)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening.os, "fsync", full)
    with pytest.raises(StartError) as caught:
        Database.open(
            path,
            FakeClocks(),
            lambda name, detail: None,
            migrations={SCHEMA_VERSION: add_column},
            target=NEXT,
        )
    assert caught.value.fatal_code == "disk_full"
    assert [entry.name for entry in path.parent.iterdir() if "backup" in entry.name] == []


def test_another_program_that_holds_the_file_stops_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StartError) as caught:
        opened(path)
    other.close()
    assert caught.value.fatal_code == "data_dir_locked"


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StartError) as caught:
        opened(path)
    assert caught.value.fatal_code == "data_dir_unwritable"


def long_path(folder: Path, length: int) -> Path:
    """A path of so many bytes below folder, whose folders are there."""
    while length - len(os.fsencode(folder)) > 250:
        folder = folder / ("d" * 100)
    folder.mkdir(parents=True)
    return folder / ("f" * (length - len(os.fsencode(folder)) - 1))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other limits")
def test_a_path_that_sqlite_does_not_take_is_said(tmp_path: Path) -> None:
    opened(long_path(tmp_path / "a", LONGEST)).close()
    with pytest.raises(StartError, match="unable to open") as caught:
        opened(long_path(tmp_path / "b", LONGEST + 1))
    assert caught.value.fatal_code == "data_dir_unwritable"


OPENER = """
import os
import sys
from pathlib import Path
from steelyard.machine.paths import LONGEST
from steelyard.rules.errors import StartError
from steelyard.store.database import Database
if os.geteuid() == 0:
    os.setuid(65534)  # nothing is read-only for root
try:
    Database.open(Path(sys.argv[1]), None, lambda name, detail: None)
except StartError as error:
    print(error.fatal_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("there", [False, True])
def test_a_read_only_folder_is_refused(there: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steelyard.db"
        if there:
            filled(path, 1)
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        opener = subprocess.run(
            [sys.executable, "-c", OPENER, str(path)], capture_output=True, text=True, timeout=60
        )
        Path(folder).chmod(0o755)
    assert opener.stdout == "data_dir_unwritable\n", opener.stderr


def test_set_aside_renames_the_file_with_its_log_and_overwrites_nothing(path: Path) -> None:
    path.write_bytes(b"damaged")
    path.with_name("steelyard.db-wal").write_bytes(b"log")
    aside = opening.set_aside(path, "20260115-103000")
    assert aside.name == "steelyard.db.damaged-20260115-103000"
    assert aside.read_bytes() == b"damaged"
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"log"
    opened(path).close()
    with pytest.raises(FileExistsError):
        opening.set_aside(path, "20260115-103000")
    assert path.exists()


def test_the_remedy_names_the_backup_that_is_there(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    path.with_name("steelyard.db.backup-v1").write_bytes(b"")
    assert "steelyard.db.backup-v1" in refused(path).remedy
