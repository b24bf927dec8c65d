"""`doctor --repair`: what it finds, what it says, that it asks, and that no result is ever removed."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from steelyard.cli import repairing
from steelyard.machine import identity
from steelyard.machine.paths import DataDirectory
from steelyard.rules.errors import StartError
from steelyard.store import backups, tasks
from steelyard.store.database import Database
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard
from tests.unit.cli.test_doctor import findings, listing
from tests.unit.store.making import NOW, end, new, opened, run, submit


@pytest.fixture
def data(data_dir: Path) -> DataDirectory:
    """A prepared data directory."""
    found = DataDirectory(data_dir)
    found.prepare()
    return found


def folder_of(data: DataDirectory, task_id: str, attempt: int = 1, result: str | None = "42") -> Path:
    """The folder of an attempt as it is on the disk, with a result or without."""
    folder = data.attempt(task_id, attempt)
    (folder / "output").mkdir(parents=True)
    (folder.parent / "parameters.json").write_text("{}")
    if result is not None:
        (folder / "output" / "result.json").write_text(result)
    return folder


def finished(database: Database, **fields: Any) -> str:
    [task_id] = submit(database, new(**fields))
    end(database, task_id, run(database, task_id))
    return task_id


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)


def repaired(steelyard: Steelyard, *more: str, status: int = 0) -> list[dict[str, Any]]:
    done = steelyard("doctor", "--repair", "--json", *more)
    assert done.status == status, done
    document = json.loads(done.out)
    assert document["left"] == sum(not one["done"] for one in document["repairs"])
    found: list[dict[str, Any]] = document["repairs"]
    return found


def test_a_whole_directory_needs_nothing(steelyard: Steelyard, data: DataDirectory) -> None:
    database = opened(data.database)
    folder_of(data, finished(database))
    database.close()
    assert repaired(steelyard, "--yes") == []
    assert "nothing is to be mended" in steelyard("doctor", "--repair").out


def test_while_a_sidecar_runs_it_touches_nothing(steelyard: Steelyard, data: DataDirectory) -> None:
    (data.path / "steelyard.db.backup-x.part").write_bytes(b"")
    with data.lock():
        before = listing(data.path)
        done = steelyard("doctor", "--repair", "--yes")
        assert done.status == 1 and "Nothing was changed" in done.err
        assert listing(data.path) == before
    # Somebody has deleted the lock's file; the recorded owner (here: the tests) lives on.
    me = os.getppid()
    record = {"pid": me, "identity": identity.identity_of(me), "executable": identity.executable_of(me)}
    data.record.write_text(json.dumps(record))
    assert steelyard("doctor", "--repair", "--yes").status == 1
    assert data.record.exists()


def test_with_a_stand_in_that_answers_it_refuses_too(
    sidecar: FakeSidecar, steelyard: Steelyard, data_dir: Path
) -> None:
    """The stand-in holds no lock; --yes alone is no reason to repair either."""
    assert steelyard("doctor", "--yes").status == 2


def test_without_a_yes_it_only_shows(steelyard: Steelyard, data: DataDirectory) -> None:
    opened(data.database).close()
    spoil(data.database)
    folder_of(data, "orphan")
    before = listing(data.path)
    [one] = repaired(steelyard, status=1)
    assert one["subject"] == "Database" and not one["done"]
    done = steelyard("doctor", "--repair")
    assert done.status == 1 and "nobody is there to be asked" in done.err
    # SQLite's index of the log is no content of the file.
    ours = ("lock", "-shm", "-wal")
    after = {path: content for path, content in listing(data.path).items() if not path.endswith(ours)}
    assert after == {path: content for path, content in before.items() if not path.endswith(ours)}


def test_it_asks_one_by_one_and_does_what_is_wanted(
    steelyard: Steelyard, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(data.database).close()
    (data.path / ".preferences.json.x.tmp").write_bytes(b"")
    orphan = folder_of(data, "orphan")
    monkeypatch.setattr(repairing, "_somebody_is_there", lambda: True)
    answers = iter([True, False])
    monkeypatch.setattr("click.confirm", lambda *_, **__: next(answers))
    assert steelyard("doctor", "--repair").status == 1
    assert not (data.path / ".preferences.json.x.tmp").exists()
    assert orphan.exists()


def test_a_damaged_database_is_set_aside_and_the_last_backup_put_back(
    steelyard: Steelyard, data: DataDirectory
) -> None:
    database = opened(data.database)
    known = finished(database, label="known")
    [waits] = submit(database, new(label="waits"))
    folder_of(data, known)
    made = backups.make(data.database, NOW)
    assert made is not None
    # After the backup: one more task, and the first attempt of the one that waited.
    later = finished(database, label="later")
    end(database, waits, run(database, waits))
    for task_id in (later, waits):
        folder_of(data, task_id, result=f"result of {task_id}")
    database.close()
    spoil(data.database)
    level, text = findings(steelyard, 1)["Database"]
    assert level == "problem" and "doctor --repair" in text and made.path.name in text

    [database_repair, folders] = repaired(steelyard, "--yes")
    assert made.path.name in database_repair["remedy"]
    assert "1 tasks and 5 changes since then are lost" in database_repair["remedy"]
    assert "2 folders" in database_repair["remedy"] and "2 folders" in folders["wrong"]

    database = opened(data.database)
    assert database.integrity_check() == []
    assert tasks.row(database, waits)["state"] == "READY"  # type: ignore[index]
    assert tasks.row(database, later) is None
    database.close()
    assert made.path.exists(), "the backup stays"
    assert [path.name for path in data.path.glob("steelyard.db.damaged-*")]
    assert (data.attempt(known, 1) / "output" / "result.json").read_text() == "42"
    # The next run of `waits` would be attempt 1 again: what the lost one wrote does not lie in its way.
    for task_id in (later, waits):
        moved = data.path / "found" / task_id / "attempt-1" / "output" / "result.json"
        assert moved.read_text() == f"result of {task_id}"
    assert not data.attempt(waits, 1).exists()
    assert repaired(steelyard, "--yes") == []


def test_without_a_backup_it_begins_anew_only_after_a_yes_and_keeps_every_folder(
    steelyard: Steelyard, data: DataDirectory
) -> None:
    database = opened(data.database)
    folder = folder_of(data, finished(database))
    database.close()
    spoil(data.database)
    [one] = repaired(steelyard, "--yes")
    assert "there is no usable backup" in one["remedy"]
    assert not data.database.exists() and (folder / "output" / "result.json").exists()


def test_a_database_that_is_gone_is_put_back_from_its_backup(
    steelyard: Steelyard, data: DataDirectory
) -> None:
    """So it is after a crash in the midst of a repair, too; an empty database would hide it."""
    database = opened(data.database)
    kept = finished(database)
    assert backups.make(data.database, NOW) is not None
    database.close()
    data.database.unlink()
    with pytest.raises(StartError) as caught:
        opened(data.database)
    assert caught.value.fatal_code == "database_corrupt" and "doctor --repair" in caught.value.remedy
    assert not data.database.exists()
    [one, *_] = repaired(steelyard, "--yes")
    assert "is not there" in one["wrong"] and one["remedy"].startswith("put back")
    database = opened(data.database)
    assert tasks.row(database, kept)
    database.close()


def test_a_backup_that_is_damaged_is_not_put_back(steelyard: Steelyard, data: DataDirectory) -> None:
    database = opened(data.database)
    finished(database, label="in both")
    good = backups.make(data.database, NOW)
    finished(database)
    bad = backups.make(data.database, NOW + 86_400)
    database.close()
    assert good is not None and bad is not None
    spoil(bad.path)
    spoil(data.database)
    [one, *_] = repaired(steelyard, "--yes")
    assert good.path.name in one["remedy"]


def test_folders_without_results_go_and_others_are_moved(steelyard: Steelyard, data: DataDirectory) -> None:
    database = opened(data.database)
    known = folder_of(data, finished(database))
    database.close()
    folder_of(data, "empty", result=None)
    folder_of(data, "full", result="7")
    level, text = findings(steelyard, 0)["Task folders"]
    assert level == "note" and "doctor --repair" in text
    assert len(repaired(steelyard, "--yes")) == 2
    assert known.exists() and not data.task("empty").exists() and not data.task("full").exists()
    assert (data.path / "found" / "full" / "attempt-1" / "output" / "result.json").read_text() == "7"
    # A second one of that name does not take the first one's place.
    folder_of(data, "full", result="8")
    repaired(steelyard, "--yes")
    assert (data.path / "found" / "full.2" / "attempt-1" / "output" / "result.json").read_text() == "8"


def test_counts_and_stale_files_are_mended(steelyard: Steelyard, data: DataDirectory) -> None:
    database = opened(data.database)
    submit(database, new(), new())
    database.execute("UPDATE task_count SET n = 9")
    database.close()
    data.record.write_text("{}")
    part = data.path / "steelyard.db.backup-20260101T000000Z.part"
    part.write_bytes(b"")
    found = repaired(steelyard, "--yes")
    assert [one["subject"] for one in found] == ["Files", "Database"]
    assert not data.record.exists() and not part.exists()
    database = opened(data.database)
    assert tasks.counts(database)["READY"] == 2
    database.close()


def test_a_task_whose_folder_is_gone_is_told_and_kept(steelyard: Steelyard, data: DataDirectory) -> None:
    database = opened(data.database)
    task_id = finished(database)
    database.close()
    level, text = findings(steelyard, 0)["Task folders"]
    assert level == "note" and task_id in text and "are gone" in text
    assert repaired(steelyard, "--yes") == []


def test_what_was_set_aside_goes_only_when_told(steelyard: Steelyard, data: DataDirectory) -> None:
    opened(data.database).close()
    aside = data.path / "steelyard.db.damaged-20260101T000000Z"
    aside.write_bytes(b"x" * 5000)
    unreadable = data.path / "preferences.json.unreadable-20260101T000000Z"
    unreadable.write_text("{")
    done = steelyard("doctor", "--repair", "--yes")
    assert done.status == 0 and str(aside) in done.out and "--discard" in done.out
    assert aside.exists() and unreadable.exists()
    assert len(repaired(steelyard, "--yes", "--discard")) == 2
    assert not aside.exists() and not unreadable.exists()


def test_a_database_of_another_schema_is_left_to_the_next_start(
    steelyard: Steelyard, data: DataDirectory
) -> None:
    opened(data.database).close()
    with sqlite3.connect(data.database) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("INSERT INTO task_count(state, simulation, n) VALUES ('READY', 'x', 9)")
    connection.close()
    assert repaired(steelyard, "--yes") == []
