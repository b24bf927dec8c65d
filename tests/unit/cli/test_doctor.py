"""The doctor, with and without a sidecar: what it finds, and that it changes nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from steelyard.store.tables import APPLICATION_ID
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard


def listing(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def findings(steelyard: Steelyard, status: int) -> dict[str, tuple[str, str]]:
    """The last finding on each subject."""
    done = steelyard("doctor", "--json")
    assert done.status == status, done
    return {found["subject"]: (found["level"], found["text"]) for found in json.loads(done.out)["findings"]}


def test_without_a_sidecar(steelyard: Steelyard, data_dir: Path) -> None:
    before = listing(data_dir)
    found = findings(steelyard, 0)
    assert found["Sidecar"][0] == "note" and "steelyard serve" in found["Sidecar"][1]
    assert found["Data directory"] == ("ok", str(data_dir))
    assert "available" in found["Memory"][1] and "what limits" in found["Workers"][1]
    assert "steel-pathway" in found["Simulations"][1]
    assert found["Database"] == ("ok", "there is none yet")
    assert listing(data_dir) == before
    assert "Memory" in steelyard("doctor").out


def test_with_a_sidecar_its_figures_count(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.errors = [{"file": "/x/bad.toml", "line": 3, "message": "expected a size"}]
    found = findings(steelyard, 1)
    assert found["Sidecar"][1].startswith("9.9, process ")
    assert "40.0 GiB of 64.0 GiB" in found["Memory"][1]
    assert found["Settings"] == ("ok", "worker_queue_name night (environment)")
    assert found["Simulations"] == ("problem", "/x/bad.toml, line 3: expected a size")


def test_a_sidecar_that_does_not_answer_is_a_problem(sidecar: FakeSidecar, steelyard: Steelyard) -> None:
    sidecar.raw = b"220 mail.example ESMTP\r\n"
    level, text = findings(steelyard, 1)["Sidecar"]
    assert level == "problem" and "another program" in text


def test_what_is_set_is_told_with_its_value(
    steelyard: Steelyard, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(steelyard, 0)["Settings"] == ("ok", "all by default")
    monkeypatch.setenv("WORKER_MAX_COUNT", "3")
    (data_dir / "preferences.json").write_text(
        '{"worker_peak_memory": "6GiB", "keep_worker_logs_for": "90d"}'
    )
    assert findings(steelyard, 0)["Settings"] == (
        "ok",
        "worker_max_count 3 (environment), worker_peak_memory 6.0 GiB (preference),"
        " keep_worker_logs_for 90 d (7776000 s) (preference)",
    )


def test_what_is_wrong_with_the_settings_is_named(
    steelyard: Steelyard, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_MAX_COUNT", "9999")
    level, text = findings(steelyard, 1)["Settings"]
    assert level == "problem" and "WORKER_MAX_COUNT" in text and "0 to 256" in text
    monkeypatch.delenv("WORKER_MAX_COUNT")
    (data_dir / "preferences.json").write_text("{broken")
    assert findings(steelyard, 1)["Settings"][0] == "problem"
    assert [path.name for path in data_dir.iterdir()] == ["preferences.json"]


def test_the_python_of_simulations_is_looked_at(
    steelyard: Steelyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(steelyard, 0)["Simulations' Python"] == ("ok", sys.executable)
    lean = tmp_path / "lean"
    lean.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    lean.chmod(0o755)
    monkeypatch.setenv("STEELYARD_PYTHON", str(lean))
    level, text = findings(steelyard, 0)["steel-pathway"]
    assert level == "note" and f"{lean} -m pip install numpy scipy matplotlib" in text
    monkeypatch.setenv("STEELYARD_PYTHON", "/bin/false")
    assert findings(steelyard, 1)["Simulations' Python"] == (
        "problem",
        "/bin/false is no Python 3 that runs: exit code 1",
    )
    monkeypatch.setenv("STEELYARD_PYTHON", "/gone/python")
    assert "there is none at /gone/python" in findings(steelyard, 1)["Simulations' Python"][1]


def test_a_directory_that_is_none(steelyard: Steelyard, data_dir: Path) -> None:
    data_dir.rmdir()
    assert findings(steelyard, 0)["Data directory"][0] == "note"
    data_dir.write_text("")
    assert findings(steelyard, 1)["Data directory"][0] == "problem"


def test_a_broken_simulation_is_named(steelyard: Steelyard, data_dir: Path) -> None:
    (data_dir / "simulations").mkdir()
    (data_dir / "simulations" / "bad.toml").write_text("[simulation]\nname = 7\n")
    level, text = findings(steelyard, 1)["Simulations"]
    assert level == "problem" and "bad.toml, line 2" in text


def test_a_damaged_database_is_a_problem_and_stays_as_it_is(steelyard: Steelyard, data_dir: Path) -> None:
    path = data_dir / "steelyard.db"
    path.write_bytes(b"no database at all" * 100)
    before = path.read_bytes()
    assert findings(steelyard, 1)["Database"][0] == "problem"
    assert path.read_bytes() == before
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE foreign_one (id)")
    connection.commit()
    connection.close()
    assert "another program" in findings(steelyard, 1)["Database"][1]


def test_a_database_that_was_not_closed_is_read_and_stays_as_it_is(
    steelyard: Steelyard, data_dir: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("CREATE TABLE one (id)")
    connection.commit()
    for suffix in ("", "-wal"):
        shutil.copy(f"{other}{suffix}", data_dir / f"steelyard.db{suffix}")
    connection.close()
    before = listing(data_dir)
    level, text = findings(steelyard, 0)["Database"]
    assert level == "ok" and "schema version 1" in text
    # SQLite may make its index of the log anew; data and log are not touched.
    assert {path: data for path, data in listing(data_dir).items() if not path.endswith("-shm")} == before
