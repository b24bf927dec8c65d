"""The worker's log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.worker.journal import Journal
from tests.fakes.clocks import FakeClocks


@pytest.fixture
def restored_stderr() -> Iterator[None]:
    kept = os.dup(2)
    yield
    os.dup2(kept, 2)
    os.close(kept)


@pytest.mark.usefixtures("restored_stderr")
def test_entries_have_a_utc_time_and_further_lines_are_indented(tmp_path: Path) -> None:
    journal = Journal(FakeClocks())
    journal.open(str(tmp_path / "w.log"), 1000, 1)
    journal.write("one\ntwo \udcff")
    os.write(2, b"from the interpreter\n")
    assert (tmp_path / "w.log").read_bytes() == (
        b"2026-01-15T10:30:00.000Z one\n    two ?\nfrom the interpreter\n"
    )


@pytest.mark.usefixtures("restored_stderr")
def test_before_it_is_open_it_is_standard_error(tmp_path: Path) -> None:
    with open(tmp_path / "stderr", "wb") as file:
        os.dup2(file.fileno(), 2)
    Journal(FakeClocks()).write("early")
    assert (tmp_path / "stderr").read_text().endswith("Z early\n")
