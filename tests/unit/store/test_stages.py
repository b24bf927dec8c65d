"""The stages of the last run of each program."""

from __future__ import annotations

from pathlib import Path

from steelyard.rules.stages import Stage
from steelyard.store import stages
from tests.unit.store.making import opened


def test_the_last_run_counts_and_each_program_has_its_own(tmp_path: Path) -> None:
    database = opened(tmp_path / "steelyard.db")
    try:
        first, second = (Stage("Load", 1, 2),), (Stage("Load", 1, 3), Stage("S\0lve", 0.5, 4))
        for found in (first, second, ()):
            database.change_now(lambda change, found=found: stages.save(change, "model", "", found))
        database.change_now(lambda change: stages.save(change, "model", "other.py", first))
        assert [stage.lasted for stage in stages.of(database, "model", "")] == [3, 4]
        assert stages.of(database, "model", "other.py") == first
        assert stages.of(database, "model", "none") == ()
    finally:
        database.close()
